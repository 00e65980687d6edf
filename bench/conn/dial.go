package conn

import (
	"context"
	"crypto/tls"
)

// dial connects, and has the end of ctx end what the connection waits for.
func (c *Conn) dial(ctx context.Context) error {
	conn, err := c.endpoint.dial(ctx, "tcp", c.endpoint.address)
	if err != nil {
		return err
	}
	if c.endpoint.tls != nil {
		secure := tls.Client(conn, c.endpoint.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return err
		}
		conn = secure
	}
	c.conn = conn
	c.in.Reset(conn)
	c.out.Reset(conn)
	c.watch.start(ctx, conn)
	return nil
}

// drop closes the connection, if there is one.
func (c *Conn) drop() {
	if c.conn != nil {
		c.watch.end()
		c.conn.Close()
		c.conn = nil
	}
}
