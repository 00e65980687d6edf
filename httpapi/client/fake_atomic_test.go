package client_test

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

func (n *node) atomic(_ http.ResponseWriter, _ *http.Request, body []byte) (any, error) {
	var req api.AtomicRequest
	if err := decodeStrictly(body, &req); err != nil {
		return nil, err
	}
	conflicts, err := n.conflicts(req.Checks)
	if err != nil || conflicts != nil {
		return api.AtomicResult{Conflicts: conflicts}, err
	}
	versionstamp, ids, err := n.apply(req.Mutations, req.Enqueue)
	return api.AtomicResult{OK: true, Versionstamp: versionstamp, IDs: ids}, err
}

func (n *node) conflicts(checks []api.Check) ([]api.Conflict, error) {
	var conflicts []api.Conflict
	for _, check := range checks {
		k, err := encoded(check.Key)
		if err != nil {
			return nil, err
		}
		if e := n.entry(k); e.Versionstamp != check.Versionstamp {
			conflicts = append(conflicts, api.Conflict{Key: e.Key, Versionstamp: e.Versionstamp})
		}
	}
	return conflicts, nil
}

// apply makes all changes or none.
func (n *node) apply(mutations []api.Mutation, enqueues []api.EnqueueRequest) (api.Versionstamp, []string, error) {
	written := map[kv.Key]json.RawMessage{} // nil: deleted
	expires := map[kv.Key]int64{}
	var keys []kv.Key
	for _, m := range mutations {
		k, err := encoded(m.Key)
		if err != nil {
			return "", nil, err
		}
		old, ok := written[k]
		if !ok {
			old = n.entries[k].Value
		}
		value, err := mutated(m, old)
		if err != nil {
			return "", nil, err
		}
		written[k], expires[k] = value, m.ExpireIn
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	versionstamp := n.commit(keys...)
	for k, value := range written {
		e := n.entry(k)
		e.Value, e.Versionstamp, e.ExpiresAt = value, versionstamp, expires[k]
		n.entries[k] = e
		if value == nil {
			delete(n.entries, k)
		}
	}
	var ids []string
	for _, e := range enqueues {
		ids = append(ids, n.addMessage(e, nil))
	}
	return versionstamp, ids, nil
}

// mutated is the value after m, nil if there is none.
func mutated(m api.Mutation, old json.RawMessage) (json.RawMessage, error) {
	t, ok := kv.ParseMutationType(string(m.Type))
	if !ok {
		return nil, refuse(api.InvalidArgument, "there is no such type")
	}
	mutation := kv.Mutation{Type: t, Value: m.Value}
	switch t.Form() {
	case kv.FormNone:
		return nil, nil
	case kv.FormJSON:
		return m.Value, nil
	case kv.FormInteger:
		var err error
		if mutation.Operand, err = kv.ParseOperand(m.Value); err != nil {
			return nil, refuse(api.InvalidValue, err.Error())
		}
	case kv.FormArray:
		if err := kv.CheckElements(m.Value); err != nil {
			return nil, refuse(api.InvalidValue, err.Error())
		}
	}
	value, err := mutation.Apply(old, 1<<20)
	if err != nil {
		return nil, refuse(api.TypeMismatch, err.Error())
	}
	return value, nil
}

func (n *node) transaction(_ http.ResponseWriter, _ *http.Request, body []byte) (any, error) {
	var req api.TransactionRequest
	if err := decodeStrictly(body, &req); err != nil {
		return nil, err
	}
	if req.Snapshot != "" && req.Snapshot < n.compacted {
		return api.TransactionResult{Error: api.TransactionSnapshotTooOld}, nil
	}
	conflicts, err := n.conflicts(req.Checks)
	if err != nil {
		return nil, err
	}
	result := api.TransactionResult{OK: true, Versionstamp: n.position()}
	for _, read := range req.Reads {
		found, covers, err := n.readInTransaction(read)
		if err != nil {
			return nil, err
		}
		result.Reads = append(result.Reads, found)
		conflicts = append(conflicts, n.changedSince(req.Snapshot, covers)...)
	}
	if conflicts != nil {
		return api.TransactionResult{Error: api.TransactionConflict, Conflicts: conflicts}, nil
	}
	if len(req.Mutations)+len(req.Enqueue)+len(req.Checks) > 0 {
		result.Versionstamp, result.IDs, err = n.apply(req.Mutations, req.Enqueue)
	}
	return result, err
}

func (n *node) readInTransaction(read api.Read) (api.ReadResult, func(kv.Key) bool, error) {
	if read.Key != nil {
		k, err := encoded(read.Key)
		e := n.entry(k)
		return api.ReadResult{Entry: &e}, func(other kv.Key) bool { return other == k }, err
	}
	entries, _, err := n.listed(api.ListRequest{
		Prefix: read.Prefix, Start: read.Start, End: read.End, Limit: read.Limit, Reverse: read.Reverse,
	}, 0)
	prefix, _ := kv.NewKey(read.Prefix...) // the fake takes the whole prefix for covered
	return api.ReadResult{Entries: entries}, func(k kv.Key) bool { return k.HasPrefix(prefix) }, err
}

func (n *node) changedSince(snapshot api.Versionstamp, covers func(kv.Key) bool) []api.Conflict {
	var conflicts []api.Conflict
	for _, c := range n.log {
		for _, k := range c.keys {
			if snapshot != "" && c.versionstamp > snapshot && covers(k) {
				conflicts = append(conflicts, api.Conflict{Key: n.entry(k).Key, Versionstamp: n.entry(k).Versionstamp})
			}
		}
	}
	return conflicts
}
