package nodetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// HTTP2Requests is what a client sends over a new connection, without TLS, to GET each
// of the targets. It gives the server all the room that flow control can give, so that
// a client that does not read holds answers back by TCP alone.
func HTTP2Requests(targets ...string) ([]byte, error) {
	const (
		headers, settings, windowUpdate = 1, 4, 8
		endStream, endHeaders           = 1, 4
		initialWindow                   = 4
		most                            = 1<<31 - 1
	)
	var out bytes.Buffer
	out.WriteString("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	frame := func(kind, flags byte, stream uint32, payload []byte) {
		n := len(payload)
		out.Write([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags})
		out.Write(binary.BigEndian.AppendUint32(nil, stream))
		out.Write(payload)
	}
	frame(settings, 0, 0, binary.BigEndian.AppendUint32([]byte{0, initialWindow}, most))
	frame(windowUpdate, 0, 0, binary.BigEndian.AppendUint32(nil, most-65535))
	for i, target := range targets {
		if len(target) > 126 {
			return nil, fmt.Errorf("the target has %d bytes, at most 126 are encoded here", len(target))
		}
		// RFC 7541: :method GET and :scheme http by their numbers, :path and
		// :authority as they are.
		block := append([]byte{0x82, 0x86, 0x04, byte(len(target))}, target...)
		block = append(block, 0x01, 1, 'x')
		frame(headers, endStream|endHeaders, uint32(2*i+1), block)
	}
	return out.Bytes(), nil
}
