package httpapi

import (
	"context"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

const maxReads = 1000

var (
	readMembers = members{
		"key":     ref("Key"),
		"prefix":  ref("Prefix"),
		"start":   ref("Prefix"),
		"end":     ref("Prefix"),
		"limit":   limitParam.param().schema,
		"reverse": boolean("From the last key to the first."),
	}
	transactionMembers = atomicMembers.
				and("reads", &schema{Type: "array", MaxItems: maxReads, Items: object(readMembers), Description: "Each either a `key` or a list."}).
				and("snapshot", ref("Versionstamp"))
)

func (s *Server) transaction(ctx context.Context, c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	req, part, err := s.decodeTransaction(body, c.dialect)
	if err != nil {
		return err
	}
	if req.Idempotency, err = c.idempotency(nil); err != nil {
		return err
	}
	req.Answer = func(v kv.Versionstamp, result kv.TransactionResult) []byte {
		result.OK, result.Versionstamp = true, v
		return appendTransaction(nil, &req, &result, part)
	}
	req.Reserve = func(reads [][]kv.Entry) error { return c.reserve(readsBytes(reads)) }
	result, err := s.cfg.Store.Transaction(ctx, req)
	if err != nil {
		return err
	}
	c.setVersionstamp(result.Versionstamp)
	if result.Replayed != nil {
		if err := c.reserve(int64(len(result.Replayed))); err != nil {
			return err
		}
		c.replay(result.Replayed)
		return nil
	}
	if written := len(req.Mutations)+len(req.Parts) > 0; written {
		c.await(ctx, readsBytes(result.Reads))
	} else if err := c.reserve(readsBytes(result.Reads)); err != nil {
		return err
	}
	c.out = appendTransaction(c.out, &req, &result, part)
	return nil
}

// readsBytes is about how long the answers to reads are when rendered.
func readsBytes(reads [][]kv.Entry) int64 {
	n := int64(0)
	for _, entries := range reads {
		n += entriesBytes(entries)
	}
	return n
}

func appendTransaction(dst []byte, req *kv.TransactionRequest, result *kv.TransactionResult, part *queue.Part) []byte {
	switch {
	case result.SnapshotTooOld:
		return append(dst, `{"ok":false,"error":"snapshot_too_old"}`...)
	case !result.OK:
		dst = append(dst, `{"ok":false,"error":"conflict","conflicts":`...)
		dst = appendConflicts(dst, result.Conflicts)
		return append(dst, '}')
	}
	dst = append(dst, `{"ok":true,"versionstamp":"`...)
	dst = append(dst, result.Versionstamp...)
	dst = append(dst, `","reads":[`...)
	for i, entries := range result.Reads {
		if i > 0 {
			dst = append(dst, ',')
		}
		if req.Reads[i].List == nil {
			dst = appendEntry(dst, &entries[0])
		} else {
			dst = appendEntries(dst, entries)
		}
	}
	dst = appendIDs(append(dst, ']'), part)
	return append(dst, '}')
}

// decodeTransaction decodes the body of POST /transaction, and the part that
// enqueues, nil without one.
func (s *Server) decodeTransaction(body []byte, dialect *dialect) (kv.TransactionRequest, *queue.Part, error) {
	var req kv.TransactionRequest
	a := atomicDecoder{maxValueBytes: s.cfg.MaxValueBytes, dialect: dialect}
	err := decodeObject(body, transactionMembers, func(d *decoder, name string) (err error) {
		switch name {
		case "reads":
			return d.array(maxReads, func() error {
				read, err := d.read(dialect)
				req.Reads = append(req.Reads, read)
				return err
			})
		case "snapshot":
			req.Snapshot, err = d.versionstamp()
			return err
		}
		return a.member(d, name)
	})
	if err != nil {
		return req, nil, err
	}
	part, err := s.join(&a)
	req.AtomicRequest = a.req
	return req, part, err
}

// read reads one element of reads: a key, or a list.
func (d *decoder) read(dialect *dialect) (kv.Read, error) {
	var key kv.Key
	list := listRequest{limit: limitParam.def}
	listed := false
	err := d.object(readMembers, func(name string) (err error) {
		if name == "key" {
			key, err = d.key()
			return err
		}
		listed = true
		return list.member(d, name)
	})
	switch {
	case err != nil:
		return kv.Read{}, err
	case key != "" && listed:
		return kv.Read{}, invalidArgument("%s has both a key and a list", d.where())
	case key != "":
		return kv.Read{Key: key}, nil
	case !listed:
		return kv.Read{}, invalidArgument("%s has neither a key nor a list", d.where())
	}
	sel, err := list.selector(dialect)
	if err != nil {
		return kv.Read{}, d.wrap(err)
	}
	return kv.Read{List: &sel}, nil
}
