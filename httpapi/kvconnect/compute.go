package kvconnect

import (
	"fmt"

	"github.com/buntime/keyval/httpapi/kvconnect/datapath"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/internal/v8value"
	"github.com/buntime/keyval/kv"
)

// computation is what a sum, min or max makes of a stored value.
func (l limits) computation(m *datapath.Mutation) (func(stored []byte) ([]byte, error), error) {
	if err := l.checkValue(m.GetValue().GetData()); err != nil {
		return nil, err
	}
	operand, err := parseNumber(m.GetValue().GetData(), v8value.Encoding(m.GetValue().GetEncoding()))
	if err != nil {
		return nil, err
	}
	switch m.GetMutationType() {
	case datapath.MutationType_M_MIN:
		return extreme("min", operand, func(a, b uint64) uint64 { return min(a, b) })
	case datapath.MutationType_M_MAX:
		return extreme("max", operand, func(a, b uint64) uint64 { return max(a, b) })
	}
	bounds, err := parseBounds(m)
	if err != nil {
		return nil, err
	}
	if operand.kind != u64 {
		return l.sumOf(operand, bounds), nil
	}
	if bounds.given() {
		return nil, route.InvalidArgument("sum_min, sum_max and sum_clamp are not for a U64")
	}
	return combine("sum", operand.u64, wrap), nil
}

// wrap is the sum modulo 2^64.
func wrap(a, b uint64) uint64 { return a + b }

// extreme is min or max, which are for U64 alone.
func extreme(name string, operand number, pick func(a, b uint64) uint64) (func([]byte) ([]byte, error), error) {
	if operand.kind != u64 {
		return nil, fmt.Errorf("%w: Failed to perform '%s' mutation on a non-U64 operand", kv.ErrInvalidValue, name)
	}
	return combine(name, operand.u64, pick), nil
}

// combine stores the operand where there is nothing, and else what op makes of both.
func combine(name string, operand uint64, op func(a, b uint64) uint64) func([]byte) ([]byte, error) {
	return func(stored []byte) ([]byte, error) {
		result := number{kind: u64, u64: operand}
		if stored == nil {
			return result.stored(), nil
		}
		current, err := loadNumber(stored)
		if err != nil || current.kind != u64 {
			return nil, fmt.Errorf("%w: Failed to perform '%s' mutation on a non-U64 value in the database", kv.ErrTypeMismatch, name)
		}
		result.u64 = op(current.u64, operand)
		return result.stored(), nil
	}
}

// sumOf adds a number to a number, or a bigint to a bigint. The first one is stored as
// it is, whatever the bounds.
func (l limits) sumOf(operand number, bounds bounds) func([]byte) ([]byte, error) {
	return func(stored []byte) ([]byte, error) {
		if stored == nil {
			return operand.stored(), nil
		}
		current, err := loadNumber(stored)
		if err != nil {
			return nil, err
		}
		if current.kind == u64 && operand.isU64() && !bounds.given() {
			return number{kind: u64, u64: wrap(current.u64, operand.big.Uint64())}.stored(), nil
		}
		if current.kind != operand.kind {
			return nil, fmt.Errorf("%w: Cannot sum %s with %s", kv.ErrTypeMismatch, current.kind, operand.kind)
		}
		result, err := bounds.apply(current.plus(operand))
		if err != nil {
			return nil, err
		}
		data, e := result.encoded()
		if err := l.checkValue(data); err != nil {
			return nil, err
		}
		return v8value.AppendStored(nil, data, e)
	}
}

// bounds are what a sum of numbers or bigints must keep within; nil for none.
type bounds struct {
	min, max *number
	clamp    bool
}

func (b bounds) given() bool { return b.min != nil || b.max != nil || b.clamp }

func parseBounds(m *datapath.Mutation) (b bounds, err error) {
	b.clamp = m.GetSumClamp()
	for _, bound := range []struct {
		to  **number
		raw []byte
	}{{&b.min, m.GetSumMin()}, {&b.max, m.GetSumMax()}} {
		if len(bound.raw) == 0 {
			continue
		}
		n, err := parseNumber(bound.raw, v8value.V8)
		if err != nil {
			return b, err
		}
		*bound.to = &n
	}
	return b, nil
}

// apply is the sum within its bounds.
func (b bounds) apply(sum number) (number, error) {
	for _, bound := range []struct {
		at  *number
		out int // how a sum compares that is over the bound
	}{{b.min, -1}, {b.max, 1}} {
		switch {
		case bound.at == nil:
		case bound.at.kind != sum.kind:
			return number{}, fmt.Errorf("%w: the bounds of a sum must be of its type", kv.ErrTypeMismatch)
		case sum.compare(*bound.at) == bound.out && b.clamp:
			return *bound.at, nil
		case sum.compare(*bound.at) == bound.out:
			return number{}, fmt.Errorf("%w: The result of a Sum operation would exceed its range limit", kv.ErrOutOfRange)
		}
	}
	return sum, nil
}
