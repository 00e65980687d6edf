package wire

import (
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
)

// ConsistencyParam says where to read.
var ConsistencyParam = route.TextParam{
	Name: "consistency", OneOf: []string{"session", "strong", "eventual"},
	Doc: "Where to read: `session` (what this node has answered, or newer), `strong` (the primary), `eventual` (the replica as it is). The default is the server's `--default-consistency`, and `strong` under the base path.",
}

// ReadOptions are those of a request's query and headers, or of its body, which may
// name a consistency, too; "" if it does not. def is the node's default.
func ReadOptions(c *route.Call, def kv.Consistency, inBody string) (kv.ReadOptions, error) {
	opts := kv.ReadOptions{Consistency: def}
	if c.Dialect.Original {
		opts.Consistency = kv.Strong
	}
	name, given := c.Query.Text(ConsistencyParam.Name)
	if given && inBody != "" && name != inBody {
		return opts, route.InvalidArgument("the body has another consistency than the query")
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
	opts.Min, err = minVersionstamp(c)
	return opts, err
}
