package kv_test

import (
	"errors"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
)

// safe is 2^53−1: a plain number lies within ±safe.
var safe = big.NewInt(1<<53 - 1)

// drawInteger draws one at which something changes, or a neighbour of it.
func drawInteger(t *rapid.T) *big.Int {
	n := rapid.SampledFrom([]*big.Int{new(big.Int), safe, new(big.Int).SetUint64(math.MaxUint64), new(big.Int).Lsh(safe, 40)}).Draw(t, "near")
	n = new(big.Int).Add(n, big.NewInt(rapid.Int64Range(-9, 9).Draw(t, "by")))
	if rapid.Bool().Draw(t, "negative") {
		n.Neg(n)
	}
	return n
}

func isSafe(n *big.Int) bool { return n.CmpAbs(safe) <= 0 }

// A counter is what a key with an integer should hold.
type counter struct {
	n    *big.Int // nil: no such key
	form string   // bigint, u64, or "" for a number
}

func (c counter) String() string {
	if c.form != "" {
		return `{"__type":"` + c.form + `","value":"` + c.n.String() + `"}`
	}
	return c.n.String()
}

// An integerMutation is a mutation of a counter, and what it was made of.
type integerMutation struct {
	kv.Mutation
	operand counter
}

func drawIntegerMutation(t *rapid.T, key kv.Key) integerMutation {
	operand := counter{n: drawInteger(t)}
	operand.form = rapid.SampledFrom([]string{"", "bigint", "u64"}).Draw(t, "form")
	if operand.form == "" && !isSafe(operand.n) || operand.form == "u64" && !operand.n.IsUint64() {
		operand.form = "bigint"
	}
	m := integerMutation{operand: operand, Mutation: kv.Mutation{Key: key, Type: rapid.SampledFrom([]kv.MutationType{
		kv.MutationSum, kv.MutationSum, kv.MutationMin, kv.MutationMax, kv.MutationSet, kv.MutationDelete}).Draw(t, "type")}}
	text := operand.String()
	if operand.form == "" {
		m.spell(t, &text)
	}
	if m.Type == kv.MutationSet {
		m.Value = []byte(text)
		return m
	}
	var err error
	if m.Operand, err = kv.ParseOperand([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return m
}

// spell writes a number in another way that means the same.
func (m integerMutation) spell(t *rapid.T, text *string) {
	switch rapid.SampledFrom([]string{"digits", "point", "exponent", "string"}).Draw(t, "spelling") {
	case "point":
		*text += ".0"
	case "exponent":
		*text += "e0"
	case "string":
		if m.Type != kv.MutationSet {
			*text = `"` + *text + `"`
		}
	}
}

// apply is the contract in few words; false if the mutation is out of range.
func (c *counter) apply(m integerMutation) bool {
	switch {
	case m.Type == kv.MutationSet:
		*c = m.operand
		return true
	case m.Type == kv.MutationDelete:
		*c = counter{}
		return true
	}
	result := counter{n: m.operand.n}
	switch {
	case c.n != nil:
		result = counter{m.of(c.n), c.form}
	case m.operand.form == "u64":
		result.form = "u64"
	}
	switch {
	case result.form == "u64" && !result.n.IsUint64():
		return false
	case result.form == "" && !isSafe(result.n) && m.operand.form == "":
		return false
	case result.form == "" && !isSafe(result.n):
		result.form = "bigint"
	}
	*c = result
	return true
}

func (m integerMutation) of(stored *big.Int) *big.Int {
	less := stored.Cmp(m.operand.n) < 0
	switch {
	case m.Type == kv.MutationSum:
		return new(big.Int).Add(stored, m.operand.n)
	case less == (m.Type == kv.MutationMin):
		return stored
	}
	return m.operand.n
}

// applyAll is an operation: all of it or nothing.
func (c *counter) applyAll(mutations []integerMutation) bool {
	next := *c
	for _, m := range mutations {
		if !next.apply(m) {
			return false
		}
	}
	*c = next
	return true
}

// An integerOp is one operation on the counter and what came of it.
type integerOp struct {
	mutations []integerMutation
	result    kv.AtomicResult
	err       error
}

func (o *integerOp) run(t *testing.T, s *kv.Store, done chan<- *integerOp) {
	var req kv.AtomicRequest
	for _, m := range o.mutations {
		req.Mutations = append(req.Mutations, m.Mutation)
	}
	o.result, o.err = s.Atomic(timeout(t), req)
	done <- o
}

func TestIntegersKeepTheirFormAsBigIntegersSay(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		runs := 20
		if !d.embedded() {
			runs = 6
		}
		runIntegers(t, d, runs)
	})
}

func TestSoakIntegersKeepTheirFormAsBigIntegersSay(t *testing.T) {
	nodetest.OnlyInSoak(t)
	onEachDatabase(t, func(t *testing.T, d database) { runIntegers(t, d, 100) })
}

// Operations at the same time share groups, so that they see what those before
// them have staged.
func runIntegers(t *testing.T, d database, runs int) {
	stores := []*kv.Store{d.store(t), d.store(t)}
	key := mustKey(t, "counter")
	check(t, runs, func(rt *rapid.T) {
		mustCommit(t, stores[0], kv.Mutation{Type: kv.MutationDelete, Key: key})
		var model counter
		for range rapid.IntRange(1, 6).Draw(rt, "rounds") {
			runIntegerRound(t, rt, stores, key, &model)
		}
	})
}

// runIntegerRound lets operations go at the same time, repeats on the model those
// that have committed, in their order, and compares.
func runIntegerRound(t *testing.T, rt *rapid.T, stores []*kv.Store, key kv.Key, model *counter) {
	ops := make([]*integerOp, rapid.SampledFrom([]int{1, 1, 6}).Draw(rt, "at the same time"))
	done := make(chan *integerOp, len(ops))
	for i := range ops {
		ops[i] = &integerOp{}
		for range rapid.IntRange(1, 3).Draw(rt, "mutations") {
			ops[i].mutations = append(ops[i].mutations, drawIntegerMutation(rt, key))
		}
	}
	for i, o := range ops {
		go o.run(t, stores[i%len(stores)], done)
	}
	var committed []*integerOp
	for range ops {
		o := <-done
		switch {
		case o.err == nil:
			committed = append(committed, o)
		case !errors.Is(o.err, kv.ErrOutOfRange):
			rt.Fatalf("%v: %v", o.mutations, o.err)
		case len(ops) == 1 && model.applyAll(o.mutations):
			rt.Fatalf("%v is refused with %v, the model has %v", o.mutations, o.err, model)
		}
	}
	slices.SortFunc(committed, func(a, b *integerOp) int {
		return strings.Compare(string(a.result.Versionstamp), string(b.result.Versionstamp))
	})
	for _, o := range committed {
		if !model.applyAll(o.mutations) {
			rt.Fatalf("%v has committed, the model says out of range", o.mutations)
		}
	}
	got := mustGet(t, stores[0], key, kv.ReadOptions{Consistency: kv.Strong})
	if !got.Exists() || model.n == nil {
		if got.Exists() != (model.n != nil) {
			rt.Fatalf("there is %s, the model has %v", got.Value, model.n)
		}
		return
	}
	if !sameInteger(got.Value, *model) {
		rt.Fatalf("got %s, want %s", got.Value, model)
	}
}

// sameInteger compares by form and number: a set keeps the spelling.
func sameInteger(value []byte, want counter) bool {
	if want.form != "" || value[0] == '{' {
		return string(value) == want.String()
	}
	got, ok := new(big.Rat).SetString(string(value))
	return ok && got.IsInt() && got.Num().Cmp(want.n) == 0
}
