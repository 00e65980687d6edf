package queue

import (
	"errors"
	"fmt"
	"slices"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// A Part enqueues messages as part of an operation: they exist if and only if
// it has committed. It belongs to one operation.
type Part struct {
	queue    *Queue
	messages []Enqueue
	ids      []string // made beforehand, one a message
	enqueued []Enqueued
}

var _ sqldb.Part = (*Part)(nil)

// Enqueued says what became of one message of a Part.
type Enqueued struct {
	// ID is that of the message, or of the earlier one with its dedupe id.
	ID string
	// Versionstamp is that of the earlier message's enqueue; "" if the
	// message has been enqueued by this operation, whose versionstamp it has
	// then.
	Versionstamp kv.Versionstamp
	// Duplicate is set when the dedupe id was known and nothing was added.
	Duplicate bool
}

// NewPart checks the messages and readies them for an operation. Errors wrap
// kv.ErrInvalidArgument.
func (q *Queue) NewPart(messages []Enqueue) (*Part, error) {
	p := &Part{queue: q, messages: make([]Enqueue, len(messages)), ids: make([]string, len(messages))}
	for i, m := range messages {
		m = m.withDefaults()
		err := m.validate()
		if err == nil {
			p.ids[i], err = newID()
		}
		if err != nil {
			return nil, within(err, len(messages), i)
		}
		p.messages[i] = m
	}
	return p, nil
}

// within names the message that an error is about, if there are several.
func within(err error, n, i int) error {
	if n == 1 || !errors.Is(err, kv.ErrInvalidArgument) {
		return err
	}
	return fmt.Errorf("message %d: %w", i, err)
}

// Reads implements sqldb.Part.
func (p *Part) Reads() []sqldb.Ref {
	var refs []sqldb.Ref
	for _, m := range p.messages {
		if m.DedupeID != "" {
			refs = append(refs, dedupes.Ref(m.dedupeName()))
		}
	}
	return refs
}

// Bytes implements sqldb.Part.
func (p *Part) Bytes() int {
	n := 0
	for _, m := range p.messages {
		n += 256 + len(m.Value)
		for _, k := range m.KeysIfUndelivered {
			n += 2 * len(k)
		}
	}
	return n
}

// Apply implements sqldb.Part.
func (p *Part) Apply(tx *sqldb.Tx) error {
	p.enqueued = p.enqueued[:0]
	for i, m := range p.messages {
		e, err := m.stage(tx, p.ids[i])
		if err != nil {
			return err
		}
		p.enqueued = append(p.enqueued, e)
	}
	return nil
}

// stage stages one message, unless its dedupe id is known.
func (e Enqueue) stage(tx *sqldb.Tx, id string) (Enqueued, error) {
	if e.DedupeID != "" {
		if d := dedupes.Get(tx, e.dedupeName()); d != nil {
			return d.enqueued(tx)
		}
		dedupes.Put(tx, e.dedupeName(), dedupe{id: id, op: tx.Op()})
	}
	messages.Put(tx, id, record{becomes: added{&e}})
	return Enqueued{ID: id}, nil
}

// Enqueued tells what became of each message, in order: from within the
// operation, once Apply has run.
func (p *Part) Enqueued() []Enqueued { return p.enqueued }

// Committed implements sqldb.Part: it wakes who waits, here and elsewhere.
func (p *Part) Committed(sqldb.Commit) {
	q := p.queue
	var names []string
	for i, e := range p.enqueued {
		if e.Duplicate {
			continue
		}
		m := &p.messages[i]
		q.metrics.count(q.metrics.enqueued, m.Queue, 1)
		q.dispatcher.arrived(m.Queue, m.Delay)
		if !slices.Contains(names, m.Queue) {
			names = append(names, m.Queue)
		}
	}
	if len(names) > 0 {
		q.announce(names)
	}
}
