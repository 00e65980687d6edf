package httpapi

import "github.com/buntime/keyval/kv"

var consistencyParam = textParam{
	name: "consistency", oneOf: []string{"session", "strong", "eventual"},
	doc: "Where to read: `session` (what this node has answered, or newer), `strong` (the primary), `eventual` (the replica as it is). The default is the server's `--default-consistency`, and `strong` under the base path.",
}

// readOptions are those of the query and the headers.
func (c *call) readOptions() (kv.ReadOptions, error) { return c.readOptionsFor("") }

// readOptionsFor are those of a request whose body names a consistency; "" if it
// does not.
func (c *call) readOptionsFor(inBody string) (kv.ReadOptions, error) {
	opts := kv.ReadOptions{Consistency: c.server.cfg.DefaultConsistency}
	if c.dialect.original {
		opts.Consistency = kv.Strong
	}
	name, given := c.query.text(consistencyParam.name)
	if given && inBody != "" && name != inBody {
		return opts, invalidArgument("the body has another consistency than the query")
	}
	if !given {
		name = inBody
	}
	var err error
	if given || name != "" {
		if opts.Consistency, err = kv.ParseConsistency(name); err != nil {
			return opts, err
		}
	}
	opts.Min, err = c.minVersionstamp()
	return opts, err
}
