package kvconnect

import (
	"context"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
)

func (r *room) readRoute(e endpoint) route.Route {
	read := r.dataRoute(e, "snapshot_read")
	read.Scope, read.Summary = access.Read, "Read ranges from one snapshot"
	read.Body = r.body("SnapshotRead")
	read.Answers = []route.Answer{{Status: 200, Doc: "The ranges, in their order.", ContentType: protobuf, Schema: messageSchema("SnapshotReadOutput")}}
	read.Errors = append([]api.Code{api.InvalidKey}, wire.ReadErrors...)
	read.Serve = func(ctx context.Context, c *route.Call) error { return r.read(ctx, c, e.consistency) }
	return read
}

var readFields = []repeated{{number: 1, name: "ranges", most: maxRanges}}

func (r *room) read(ctx context.Context, c *route.Call, consistency kv.Consistency) error {
	var req datapath.SnapshotRead
	if err := r.receive(ctx, c, &req, readFields, 2, 3); err != nil {
		return err
	}
	ranges, err := selectors(req.GetRanges())
	if err != nil {
		return err
	}
	for i := range ranges {
		ranges[i].Range.End = reachedEnd(c.Grant, &ranges[i])
	}
	found, err := snapshot{store: r.Store.For(c.Grant), consistency: consistency}.read(ctx, ranges)
	if err != nil {
		return err
	}
	return answerRead(c, found, consistency)
}

// selectors are the ranges of a read, within its limits.
func selectors(ranges []*datapath.ReadRange) ([]kv.Selector, error) {
	all := make([]kv.Selector, len(ranges))
	entries := 0
	for i, r := range ranges {
		if len(r.GetStart()) > maxReadKey || len(r.GetEnd()) > maxReadKey {
			return nil, route.TooLarge("Key too large for read (max %d bytes)", maxReadKey)
		}
		if r.GetLimit() < 1 {
			return nil, route.InvalidArgument("the limit of ranges[%d] is %d, want at least 1", i, r.GetLimit())
		}
		if entries += int(min(r.GetLimit(), maxReadEntries+1)); entries > maxReadEntries {
			return nil, route.TooLarge("Too many entries (max %d)", maxReadEntries)
		}
		all[i] = kv.Selector{
			Range: kv.Range{Start: kv.Key(r.GetStart()), End: kv.Key(r.GetEnd())},
			Limit: int(r.GetLimit()), Reverse: r.GetReverse(),
		}
	}
	return all, nil
}

// reachedEnd is the end of a range, but for the one that npm's client gets a key by: one
// entry of all that follow the key, which it drops if it is another. A token that is bound
// to prefixes reaches not all of that, and is answered with what it does.
func reachedEnd(g *access.Grant, sel *kv.Selector) kv.Key {
	if sel.Limit != 1 || sel.Reverse || sel.Range.End != "\xff" {
		return sel.Range.End
	}
	for _, prefix := range g.Prefixes() {
		if r := kv.SubtreeRange(kv.Key(prefix)); r.Contains(sel.Range.Start) {
			return r.End
		}
	}
	return sel.Range.End
}

// A snapshot is read by one of three ways, each the cheapest that can answer.
type snapshot struct {
	store       Store
	consistency kv.Consistency
}

// read answers each range with its entries, all of one snapshot.
func (s snapshot) read(ctx context.Context, ranges []kv.Selector) ([][]kv.Entry, error) {
	if keys, ok := justKeys(ranges); ok {
		return s.get(ctx, keys)
	}
	if len(ranges) == 1 {
		return s.list(ctx, ranges[0])
	}
	return s.lists(ctx, ranges)
}

// justKeys are the keys of ranges that hold one each, as those of get and getMany do.
func justKeys(ranges []kv.Selector) ([]kv.Key, bool) {
	keys := make([]kv.Key, len(ranges))
	for i, sel := range ranges {
		keys[i] = sel.Range.Start
		if sel.Range != kv.KeyRange(keys[i]) || keys[i] == "" {
			return nil, false
		}
	}
	return keys, true
}

// get reads keys together with those of other callers.
func (s snapshot) get(ctx context.Context, keys []kv.Key) ([][]kv.Entry, error) {
	entries, _, err := s.store.Get(ctx, keys, kv.ReadOptions{Consistency: s.consistency})
	if err != nil {
		return nil, err
	}
	found := make([][]kv.Entry, len(entries))
	for i := range entries {
		if entries[i].Exists() {
			found[i] = entries[i : i+1]
		}
	}
	return found, nil
}

// list reads a range. A client takes one that is shorter than it may be for the last.
func (s snapshot) list(ctx context.Context, sel kv.Selector) ([][]kv.Entry, error) {
	page, err := s.store.List(ctx, sel, kv.ReadOptions{Consistency: s.consistency})
	if err != nil {
		return nil, err
	}
	if page.More && len(page.Entries) < sel.Limit {
		return nil, route.TooLarge("the entries pass %d MiB together; list them with a smaller batchSize", kv.MaxAnswerBytes>>20)
	}
	return [][]kv.Entry{page.Entries}, nil
}

// lists reads several ranges of one snapshot, which only the primary can give.
func (s snapshot) lists(ctx context.Context, ranges []kv.Selector) ([][]kv.Entry, error) {
	reads := make([]kv.Read, len(ranges))
	for i := range ranges {
		reads[i].List = &ranges[i]
	}
	result, err := s.store.Transaction(ctx, kv.TransactionRequest{Reads: reads})
	return result.Reads, err
}

// answerRead answers with ranges in the order of the request.
func answerRead(c *route.Call, found [][]kv.Entry, consistency kv.Consistency) error {
	var size int64
	for _, entries := range found {
		size += entriesBytes(entries)
	}
	if err := c.Reserve(size); err != nil {
		return err
	}
	c.ContentType = protobuf
	c.Out = appendOutput(c.Out, found, consistency == kv.Strong)
	return nil
}
