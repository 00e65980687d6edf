package httpapi

import (
	"fmt"

	"github.com/buntime/keyval/kv"
)

// A mutationText is a mutation as it stands in the body. How its key and value are
// to be read depends on its type, which may come last.
type mutationText struct {
	typeName   string
	key, value []byte // nil if absent
	expireIn   int64
	where      string // for errors: mutations[2]
}

// mutation reads one mutation.
func (a *atomicDecoder) mutation(d *decoder) error {
	m := mutationText{}
	err := d.object(mutationMembers, func(name string) (err error) {
		switch name {
		case "type":
			m.typeName, err = d.text()
		case "key":
			m.key, err = d.raw()
		case "value":
			m.value, err = d.raw()
		case "expireIn", "expiresIn":
			if m.expireIn != 0 {
				return invalidArgument("%s: expireIn and expiresIn are the same; give one", d.where())
			}
			m.expireIn, err = d.integer(expireInParam)
		}
		return err
	})
	if err != nil {
		return err
	}
	m.where = d.where()
	mutation, err := m.parse(a.maxValueBytes)
	if err != nil {
		return fmt.Errorf("%s: %w", m.where, err)
	}
	a.req.Mutations = append(a.req.Mutations, mutation)
	return nil
}

func (m *mutationText) parse(maxValueBytes int) (kv.Mutation, error) {
	mutation := kv.Mutation{ExpireIn: m.expireIn}
	var known bool
	if mutation.Type, known = mutationTypes[m.typeName]; !known {
		return mutation, invalidArgument("type must be set, delete, sum, min, max, append or prepend")
	}
	if err := m.parseKey(&mutation); err != nil {
		return mutation, err
	}
	if mutation.Type == kv.MutationDelete {
		if m.value != nil && string(m.value) != "null" || m.expireIn != 0 {
			return mutation, invalidArgument("a delete has no value and no expireIn")
		}
		return mutation, nil
	}
	return mutation, m.parseValue(&mutation, maxValueBytes)
}

func (m *mutationText) parseKey(mutation *kv.Mutation) (err error) {
	if m.key == nil {
		return invalidArgument("there is no key")
	}
	if mutation.Type == kv.MutationSet {
		mutation.Key, mutation.Suffix, err = kv.ParseSetKeyJSON(m.key)
	} else {
		mutation.Key, err = kv.ParseKeyJSON(m.key)
	}
	return err
}

func (m *mutationText) parseValue(mutation *kv.Mutation, maxBytes int) error {
	if m.value == nil {
		return invalidArgument("there is no value")
	}
	value, err := kv.ParseValue(m.value, maxBytes)
	if err != nil {
		return err
	}
	switch mutation.Type {
	case kv.MutationSum, kv.MutationMin, kv.MutationMax:
		mutation.Operand, err = kv.ParseOperand(value)
		return err
	case kv.MutationAppend, kv.MutationPrepend:
		mutation.Value = value
		return kv.CheckElements(value)
	}
	mutation.Value = value
	mutation.Times, err = kv.ParseTimes(value)
	return err
}
