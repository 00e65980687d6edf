package keys

import (
	"context"

	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/queue"
)

const maxReads = 1000

// readMembers are those of a read.
var readMembers = route.Members{
	"key":     route.Ref("Key"),
	"prefix":  route.Ref("Prefix"),
	"start":   route.Ref("Bound"),
	"end":     route.Ref("Bound"),
	"limit":   wire.LimitParam.Param().Schema,
	"reverse": route.Boolean("From the last key to the first."),
}

// transactionMembers are those of POST /transaction.
func transactionMembers(atomic route.Members) route.Members {
	return atomic.
		And("reads", &route.Schema{Type: "array", MaxItems: maxReads, Items: route.Object(readMembers), Description: "Each either a `key` or a list."}).
		And("snapshot", route.Ref("Versionstamp"))
}

func (k *room) transaction(ctx context.Context, c *route.Call) error {
	body, err := c.ReadBody()
	if err != nil {
		return err
	}
	req, part, err := k.decodeTransaction(body, c)
	if err != nil {
		return err
	}
	if req.Idempotency, err = wire.Idempotency(c); err != nil {
		return err
	}
	render := func(dst []byte, result *kv.TransactionResult) []byte {
		return appendTransaction(dst, &req, result, part)
	}
	req.Answer = func(v kv.Versionstamp, result kv.TransactionResult) []byte {
		result.OK, result.Versionstamp = true, v
		return render(nil, &result)
	}
	req.Reserve = func(reads [][]kv.Entry) error { return c.Reserve(readsBytes(reads)) }
	ctx, sending := part.Send(ctx)
	defer sending.End()
	result, err := k.Store.For(c.Grant).Transaction(ctx, req)
	if err != nil {
		return err
	}
	wire.SetVersionstamp(c, result.Versionstamp)
	if err := makeRoomFor(ctx, c, &req, &result); err != nil {
		return err
	}
	if !wire.AnswerKept(c, &result.AtomicResult) {
		c.Out = render(c.Out, &result)
	}
	return nil
}

// makeRoomFor makes room for the answer. It may be refused only where nothing was
// written: see route.Call.Await.
func makeRoomFor(ctx context.Context, c *route.Call, req *kv.TransactionRequest, result *kv.TransactionResult) error {
	n := max(readsBytes(result.Reads), int64(len(result.Replayed)), int64(len(result.Kept)))
	if wrote := len(req.Mutations)+len(req.Parts) > 0; wrote && result.Replayed == nil {
		c.Await(ctx, n)
		return nil
	}
	return c.Reserve(n)
}

// readsBytes is about how long the answers to reads are when rendered.
func readsBytes(reads [][]kv.Entry) int64 {
	n := int64(0)
	for _, entries := range reads {
		n += wire.EntriesBytes(entries)
	}
	return n
}

func appendTransaction(dst []byte, req *kv.TransactionRequest, result *kv.TransactionResult, part *queue.Part) []byte {
	switch {
	case result.SnapshotTooOld:
		return append(dst, `{"ok":false,"error":"snapshot_too_old"}`...)
	case !result.OK:
		dst = append(dst, `{"ok":false,"error":"conflict","conflicts":`...)
		dst = wire.AppendConflicts(dst, result.Conflicts)
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
			dst = wire.AppendEntry(dst, &entries[0])
		} else {
			dst = wire.AppendEntries(dst, entries)
		}
	}
	dst = appendIDs(append(dst, ']'), part)
	return append(dst, '}')
}

// decodeTransaction decodes the body of POST /transaction, and the part that
// enqueues, nil without one.
func (k *room) decodeTransaction(body []byte, c *route.Call) (kv.TransactionRequest, *queue.Part, error) {
	var req kv.TransactionRequest
	a := atomicDecoder{room: k, call: c}
	err := route.DecodeObject(body, k.transactionMembers, func(d *route.Decoder, name string) (err error) {
		switch name {
		case "reads":
			return d.Array(maxReads, func() error {
				read, err := decodeRead(d, c.Dialect)
				req.Reads = append(req.Reads, read)
				return err
			})
		case "snapshot":
			req.Snapshot, err = wire.DecodeVersionstamp(d)
			return err
		}
		return a.member(d, name)
	})
	if err != nil {
		return req, nil, err
	}
	part, err := k.join(&a)
	req.AtomicRequest = a.req
	return req, part, err
}

// decodeRead reads one element of reads: a key, or a list.
func decodeRead(d *route.Decoder, dialect *route.Dialect) (kv.Read, error) {
	var key kv.Key
	list := listRequest{Selection: wire.NewSelection()}
	listed := false
	err := d.Object(readMembers, func(name string) (err error) {
		if name == "key" {
			key, err = wire.DecodeKey(d)
			return err
		}
		listed = true
		return list.member(d, name)
	})
	switch {
	case err != nil:
		return kv.Read{}, err
	case key != "" && listed:
		return kv.Read{}, route.InvalidArgument("%s has both a key and a list", d.Where())
	case key != "":
		return kv.Read{Key: key}, nil
	case !listed:
		return kv.Read{}, route.InvalidArgument("%s has neither a key nor a list", d.Where())
	}
	sel, err := list.selector(dialect)
	if err != nil {
		return kv.Read{}, d.Wrap(err)
	}
	return kv.Read{List: &sel}, nil
}
