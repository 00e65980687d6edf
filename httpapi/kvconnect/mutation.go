package kvconnect

import (
	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/internal/v8value"
	"github.com/buntime/keyval/kv"
)

// mutation is one of an operation's.
func (r *room) mutation(m *datapath.Mutation) (kv.Mutation, error) {
	key, err := writeKey(m.GetKey())
	if err != nil {
		return kv.Mutation{}, err
	}
	mutation := kv.Mutation{Key: key}
	switch m.GetMutationType() {
	case datapath.MutationType_M_DELETE:
		mutation.Type = kv.MutationDelete
		return mutation, nil
	case datapath.MutationType_M_SET, datapath.MutationType_M_SET_SUFFIX_VERSIONSTAMPED_KEY:
		return mutation, r.set(&mutation, m)
	case datapath.MutationType_M_SUM, datapath.MutationType_M_MAX, datapath.MutationType_M_MIN:
		mutation.Type = kv.MutationCompute
		mutation.Compute, err = r.limits.computation(m)
		return mutation, err
	}
	return mutation, route.InvalidArgument("there is no mutation type %d", m.GetMutationType())
}

// set makes a mutation one that sets.
func (r *room) set(mutation *kv.Mutation, m *datapath.Mutation) (err error) {
	mutation.Type = kv.MutationSet
	if mutation.Suffix = m.GetMutationType() == datapath.MutationType_M_SET_SUFFIX_VERSIONSTAMPED_KEY; mutation.Suffix {
		if size := len(mutation.Key.WithVersionstamp(zeroStamp)); size > maxWriteKey {
			return route.TooLarge("Key too large for write (max %d bytes, of which its versionstamp has 22)", maxWriteKey)
		}
	}
	if m.GetValue() == nil {
		return route.InvalidArgument("a set has no value")
	}
	if mutation.ExpireAt, err = expiry(m.GetExpireAtMs()); err != nil {
		return err
	}
	mutation.Value, err = r.stored(m.GetValue())
	return err
}

// zeroStamp is as long as any.
var zeroStamp = kv.NewVersionstamp(0, 0, 0)

// stored is a value as the store keeps it.
func (r *room) stored(v *datapath.KvValue) ([]byte, error) {
	if err := r.limits.checkValue(v.GetData()); err != nil {
		return nil, err
	}
	return asStored(v.GetData(), v8value.Encoding(v.GetEncoding()))
}

// asStored is data as the store keeps them, which may be six times as much.
func asStored(data []byte, e v8value.Encoding) ([]byte, error) {
	stored, err := v8value.AppendStored(nil, data, e)
	if err == nil && len(stored) > maxStored {
		return nil, route.TooLarge("Value too large (max %d bytes as JSON)", maxStored)
	}
	return stored, err
}

// expiry is when an entry expires, in Unix milliseconds; 0 for never.
func expiry(atMs int64) (int64, error) {
	if atMs < -1 {
		return 0, route.InvalidArgument("expire_at_ms is %d, want a time, or 0 or -1 for none", atMs)
	}
	return max(atMs, 0), nil
}
