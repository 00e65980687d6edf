package wire

import (
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
)

// StartParam and EndParam are the bounds of a selection.
var (
	StartParam = KeyParam{Name: "start", Doc: "The first key, inclusive; at or below the prefix.", Bound: true}
	EndParam   = KeyParam{Name: "end", Doc: "The last key, exclusive; at or below the prefix.", Bound: true}
)

// A Selection is what lists and searches choose entries by, in a query or a body.
type Selection struct {
	Prefix, Start, End kv.Key
	Limit              int64
	Reverse            bool
}

// NewSelection is one of everything.
func NewSelection() Selection { return Selection{Limit: LimitParam.Default} }

// QuerySelection reads a selection from the query, by the room's own parameters beside
// those above. Parameters that the route does not have are not there.
func QuerySelection(q route.Query, prefix KeyParam, reverse route.BoolParam) (s Selection, err error) {
	if s.Prefix, err = prefix.Get(q); err != nil {
		return s, err
	}
	if s.Start, err = StartParam.Get(q); err != nil {
		return s, err
	}
	if s.End, err = EndParam.Get(q); err != nil {
		return s, err
	}
	if s.Limit, err = LimitParam.Get(q); err != nil {
		return s, err
	}
	s.Reverse, _, err = reverse.Get(q)
	return s, err
}

// Member reads a member of a body if it is the selection's.
func (s *Selection) Member(d *route.Decoder, name string) (err error) {
	switch name {
	case "prefix":
		s.Prefix, err = DecodePrefix(d)
	case "start":
		s.Start, err = DecodeBound(d)
	case "end":
		s.End, err = DecodeBound(d)
	case "limit":
		s.Limit, err = d.Integer(LimitParam)
	case "reverse":
		s.Reverse, err = d.Boolean()
	}
	return err
}
