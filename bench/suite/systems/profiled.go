package systems

import (
	"context"
	"errors"

	"github.com/buntime/keyval/node/nodetest"
)

// StartProfiled starts one node, with or without sqld, that serves profiles of itself at a
// URL.
func StartProfiled(ctx context.Context, h *Host, sqld bool) (i *Instance, profiles string, err error) {
	port, err := nodetest.ReservePort()
	if err != nil {
		return nil, "", err
	}
	i, err = startNodes(ctx, h, 1, sqld, false, []string{"--pprof-addr", port.Addr()})
	if err != nil {
		return nil, "", errors.Join(err, port.Close())
	}
	i.parts = append([]func() error{port.Close}, i.parts...) // after the node
	return i, "http://" + port.Addr() + "/debug/pprof/", nil
}
