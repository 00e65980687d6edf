package wire

import (
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv/filter"
)

// DecodeWhere reads a filter; nil for null.
func DecodeWhere(*route.Decoder) (*filter.Filter, error) {
	return nil, route.InvalidArgument("where is not available in this version")
}
