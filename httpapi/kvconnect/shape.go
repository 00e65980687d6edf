package kvconnect

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/buntime/keyval/httpapi/route"
)

// A repeated field is one of which there may be many: a byte or two of each in a body
// would be a hundred once it is decoded, so that they are counted before.
type repeated struct {
	number protowire.Number
	name   string
	most   int
	// mostBytes bounds one of them; 0: it is not bounded.
	mostBytes int
	within    []repeated
}

// unmarshal decodes a message whose repeated fields are within their bounds.
func unmarshal(body []byte, m proto.Message, fields []repeated) error {
	if err := countFields(body, fields); err != nil {
		return err
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, m); err != nil {
		return errNoMessage
	}
	return nil
}

var errNoMessage = route.InvalidArgument("the body is no message of KV Connect")

// countFields refuses a message that has more of a field than it may.
func countFields(b []byte, fields []repeated) error {
	counts := make([]int, len(fields))
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errNoMessage
		}
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		if size < 0 {
			return errNoMessage
		}
		for i := range fields {
			if fields[i].number != number {
				continue
			}
			if counts[i]++; counts[i] > fields[i].most {
				return route.TooLarge("Too many %s (max %d)", fields[i].name, fields[i].most)
			}
			if err := fields[i].look(kind, b[n:n+size]); err != nil {
				return err
			}
		}
		b = b[n+size:]
	}
	return nil
}

// look looks at one of them.
func (f *repeated) look(kind protowire.Type, value []byte) error {
	if kind != protowire.BytesType {
		return nil
	}
	content, _ := protowire.ConsumeBytes(value) // it has been consumed before
	if f.mostBytes > 0 && len(content) > f.mostBytes {
		return route.TooLarge("Too many %s (max %d)", f.name, f.most)
	}
	if f.within == nil {
		return nil
	}
	return countFields(content, f.within)
}
