package node

import "context"

// Run runs one node until ctx ends, then drains it and returns nil. An error
// that a change of settings mends wraps ErrBadSetting.
func Run(ctx context.Context, cfg Config) error {
	n, err := Start(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before it was up
		}
		return err
	}
	for {
		select {
		case <-ctx.Done():
			n.log.Info("draining", "node", n.id)
			return n.Stop(context.WithoutCancel(ctx))
		case <-cfg.Reload:
			n.Reload()
		case err := <-n.Failed():
			n.abandon(ctx) // it is no member any more
			return err
		}
	}
}
