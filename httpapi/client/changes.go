package client

import (
	"fmt"
	"strconv"

	"github.com/buntime/keyval/httpapi/api"
)

// changes are what a commit writes. The first error is kept for it.
type changes struct {
	mutations []api.Mutation
	messages  []api.EnqueueRequest
	err       error
}

func (c *changes) none() bool { return len(c.mutations) == 0 && len(c.messages) == 0 }

func (c *changes) fail(what string, n int, err error) {
	if c.err == nil {
		c.err = fmt.Errorf("%s %d: %w", what, n+1, err)
	}
}

func (c *changes) mutate(m api.Mutation, err error) {
	if err != nil {
		c.fail("mutation", len(c.mutations), err)
	}
	c.mutations = append(c.mutations, m)
}

func (c *changes) set(key api.Key, value any, opts []SetOption) {
	raw, err := encodeValue(value)
	m := api.Mutation{Type: api.MutationSet, Key: key, Value: raw}
	for _, opt := range opts {
		if e := opt.applySet(&m); e != nil {
			err = e
		}
	}
	c.mutate(m, err)
}

func (c *changes) delete(key api.Key) {
	c.mutate(api.Mutation{Type: api.MutationDelete, Key: key}, nil)
}

func (c *changes) integer(kind api.MutationType, key api.Key, n int64) {
	c.mutate(api.Mutation{Type: kind, Key: key, Value: strconv.AppendInt(nil, n, 10)}, nil)
}

func (c *changes) array(kind api.MutationType, key api.Key, values []any) {
	if values == nil {
		values = []any{}
	}
	raw, err := encodeJSON(values)
	c.mutate(api.Mutation{Type: kind, Key: key, Value: raw}, err)
}

func (c *changes) enqueue(queue string, value any, opts []MessageOption) {
	m, err := newMessage(queue, value, opts)
	if err != nil {
		c.fail("message", len(c.messages), err)
	}
	c.messages = append(c.messages, m)
}
