package wire

import (
	"fmt"
	"strings"

	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
)

const maxExpireIn = 1<<31 - 1 // ms, about 24 days

// The two names of a time to live.
var (
	ExpireInParam  = route.IntParam{Name: "expireIn", Doc: "The entry expires after so many milliseconds. Without it it does not, also if it did before.", Min: 1, Max: maxExpireIn}
	ExpiresInParam = route.IntParam{Name: "expiresIn", Doc: "The same as `expireIn`.", Min: 1, Max: maxExpireIn}
)

// Mutation describes a mutation in a body.
var Mutation = route.Object(mutationMembers, "type", "key")

var mutationMembers = route.Members{
	"type":      {Type: "string", Enum: route.Enum(kv.MutationTypes())},
	"key":       route.Ref("SetKey"),
	"value":     route.AnyJSON("Any JSON for `set`, where `{\"$now\":true}` becomes the transaction's time in ms; an integer (number, numeric string, bigint or u64) for `sum`, `min`, `max`; an array for `append` and `prepend`; none for `delete`."),
	"expireIn":  ExpireInParam.Param().Schema,
	"expiresIn": ExpiresInParam.Param().Schema,
}

// A mutationText is a mutation as it stands in the body. How its key and value are
// to be read depends on its type, which may come last.
type mutationText struct {
	typeName   string
	key, value []byte // nil if absent
	expireIn   int64
}

// DecodeMutation reads one mutation.
func DecodeMutation(d *route.Decoder, maxValueBytes int) (kv.Mutation, error) {
	m := mutationText{}
	err := d.Object(mutationMembers, func(name string) (err error) {
		switch name {
		case "type":
			m.typeName, err = d.Text()
		case "key":
			m.key, err = d.Raw()
		case "value":
			m.value, err = d.Raw()
		case "expireIn", "expiresIn":
			if m.expireIn != 0 {
				return route.InvalidArgument("%s: expireIn and expiresIn are the same; give one", d.Where())
			}
			m.expireIn, err = d.Integer(ExpireInParam)
		}
		return err
	})
	if err != nil {
		return kv.Mutation{}, err
	}
	mutation, err := m.parse(maxValueBytes)
	return mutation, d.Wrap(err)
}

func (m *mutationText) parse(maxValueBytes int) (kv.Mutation, error) {
	mutation := kv.Mutation{ExpireIn: m.expireIn}
	var known bool
	if mutation.Type, known = kv.ParseMutationType(m.typeName); !known {
		return mutation, errMutationType()
	}
	if err := m.parseKey(&mutation); err != nil {
		return mutation, err
	}
	return mutation, m.parseValue(&mutation, maxValueBytes)
}

func errMutationType() error {
	names := kv.MutationTypes()
	last := len(names) - 1
	return route.InvalidArgument("type must be %s or %s", strings.Join(names[:last], ", "), names[last])
}

func (m *mutationText) parseKey(mutation *kv.Mutation) (err error) {
	if m.key == nil {
		return route.InvalidArgument("there is no key")
	}
	if mutation.Type == kv.MutationSet {
		mutation.Key, mutation.Suffix, err = kv.ParseSetKeyJSON(m.key)
	} else {
		mutation.Key, err = kv.ParseKeyJSON(m.key)
	}
	return err
}

func (m *mutationText) parseValue(mutation *kv.Mutation, maxBytes int) error {
	form := mutation.Type.Form()
	if form == kv.FormNone {
		if m.value != nil && string(m.value) != "null" || m.expireIn != 0 {
			return route.InvalidArgument("a %s has no value and no expireIn", m.typeName)
		}
		return nil
	}
	if m.value == nil {
		return route.InvalidArgument("there is no value")
	}
	value, err := kv.ParseValue(m.value, maxBytes)
	if err != nil {
		return err
	}
	switch form {
	case kv.FormJSON:
		mutation.Value = value
		mutation.Times, err = kv.ParseTimes(value)
	case kv.FormInteger:
		mutation.Operand, err = kv.ParseOperand(value)
	case kv.FormArray:
		mutation.Value = value
		err = kv.CheckElements(value)
	default:
		err = fmt.Errorf("mutation type %s has the unknown form %d", m.typeName, form) // a bug
	}
	return err
}
