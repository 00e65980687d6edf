package wire

import (
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv/filter"
)

// MaxWhereBytes is how long a filter is at most, as it stands in the body.
const MaxWhereBytes = 64 << 10

// DecodeWhere reads a filter. One that is absent, or null, is nil and matches everything.
func DecodeWhere(d *route.Decoder) (*filter.Filter, error) {
	raw, err := d.Raw()
	if err != nil {
		return nil, err
	}
	if len(raw) > MaxWhereBytes {
		return nil, route.TooLarge("%s has more than %d bytes", d.Where(), MaxWhereBytes)
	}
	return filter.Parse(raw) // its errors begin with where, and end in the place
}
