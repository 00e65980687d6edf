package httpapi

import "github.com/buntime/keyval/kv"

var consistencyParam = textParam{
	name: "consistency", oneOf: []string{"session", "strong", "eventual"},
	doc: "Where to read: `session` (what this node has answered, or newer), `strong` (the primary), `eventual` (the replica as it is). The default is the server's `--default-consistency`, and `strong` under the base path.",
}

// readOptions are those of the query and the headers.
func (c *call) readOptions() (kv.ReadOptions, error) {
	name, _ := c.query.text(consistencyParam.name)
	return c.readOptionsFor(name)
}

// readOptionsFor are those of a body that names a consistency; "" for the default.
func (c *call) readOptionsFor(name string) (kv.ReadOptions, error) {
	opts := kv.ReadOptions{Consistency: c.server.cfg.DefaultConsistency}
	if c.dialect.original {
		opts.Consistency = kv.Strong
	}
	var err error
	if name != "" {
		if opts.Consistency, err = kv.ParseConsistency(name); err != nil {
			return opts, err
		}
	}
	opts.Min, err = c.minVersionstamp()
	return opts, err
}
