package kv_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
)

func mustTimes(t testing.TB, value []byte) *kv.Times {
	t.Helper()
	times, err := kv.ParseTimes(value)
	if err != nil {
		t.Fatal(err)
	}
	return times
}

// setNow is a set whose value has the transaction's time in it.
func setNow(t testing.TB, key kv.Key, value string) kv.Mutation {
	t.Helper()
	m := set(key, value)
	m.Times = mustTimes(t, m.Value)
	return m
}

func number(t testing.TB, kind kv.MutationType, key kv.Key, operand string) kv.Mutation {
	t.Helper()
	m := kv.Mutation{Type: kind, Key: key}
	var err error
	if m.Operand, err = kv.ParseOperand([]byte(operand)); err != nil {
		t.Fatal(err)
	}
	return m
}

// mustTime commits mutations with a set of the time, and returns that.
func mustTime(t testing.TB, s *kv.Store, mutations ...kv.Mutation) int64 {
	t.Helper()
	clock := mustKey(t, "clock")
	mustCommit(t, s, append(mutations, setNow(t, clock, `{"$now":true}`))...)
	now, err := strconv.ParseInt(string(mustGet(t, s, clock).Value), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func TestLaterMutationsSeeTheOperationsTime(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		key := mustKey(t, "at")
		huge := `{"__type":"bigint","value":"1` + strings.Repeat("0", 30) + `"}`
		for _, c := range []struct {
			name, set string
			then      []kv.Mutation
			want      func(now int64) string
		}{
			{"a sum", `{"$now":true}`, []kv.Mutation{number(t, kv.MutationSum, key, `1000`)}, func(now int64) string { return fmt.Sprint(now + 1000) }},
			{"a maximum that is less", `{"$now":true}`, []kv.Mutation{number(t, kv.MutationMax, key, `5`)}, func(now int64) string { return fmt.Sprint(now) }},
			{"a maximum that is more", `{"$now":true}`, []kv.Mutation{number(t, kv.MutationMax, key, `9007199254740991`)}, func(int64) string { return `9007199254740991` }},
			{"a maximum of a later time", `{"$now":true,"offset":-7}`, []kv.Mutation{number(t, kv.MutationMax, key, `5`)}, func(now int64) string { return fmt.Sprint(now - 7) }},
			{"a minimum, then a sum", `{"$now":true}`, []kv.Mutation{number(t, kv.MutationMin, key, `5`), number(t, kv.MutationSum, key, `-9`)}, func(int64) string { return `-4` }},
			{"a maximum that only a bigint holds", `{"$now":true}`, []kv.Mutation{number(t, kv.MutationMax, key, huge)}, func(int64) string { return huge }},
			{"a maximum of a u64", `{"$now":true}`, []kv.Mutation{number(t, kv.MutationMax, key, `{"__type":"u64","value":"18446744073709551615"}`)}, func(int64) string { return `{"__type":"bigint","value":"18446744073709551615"}` }},
			{"a minimum that only a bigint holds", `{"$now":true}`, []kv.Mutation{number(t, kv.MutationMin, key, huge)}, func(now int64) string { return fmt.Sprint(now) }},
			{"an append", `[{"$now":true}]`, []kv.Mutation{{Type: kv.MutationAppend, Key: key, Value: []byte(`[{"$now":true},"é"]`)}},
				func(now int64) string { return fmt.Sprintf(`[%d,{"$now":true},"é"]`, now) }},
			{"a prepend, then an append", `["\"",{"$now":true,"offset":1}]`, []kv.Mutation{
				{Type: kv.MutationPrepend, Key: key, Value: []byte(`["\u00e9",2]`)}, {Type: kv.MutationAppend, Key: key, Value: []byte(`[3]`)}},
				func(now int64) string { return fmt.Sprintf(`["\u00e9",2,"\"",%d,3]`, now+1) }},
			{"a set", `{"$now":true}`, []kv.Mutation{set(key, `1`), number(t, kv.MutationSum, key, `1`)}, func(int64) string { return `2` }},
			{"a delete", `{"$now":true}`, []kv.Mutation{{Type: kv.MutationDelete, Key: key}, number(t, kv.MutationSum, key, `3`)}, func(int64) string { return `3` }},
		} {
			now := mustTime(t, s, append([]kv.Mutation{setNow(t, key, c.set)}, c.then...)...)
			if got, want := string(mustGet(t, s, key).Value), c.want(now); got != want {
				t.Errorf("%s: got %s, want %s", c.name, got, want)
			}
		}
	})
}

func TestManyTimesInALargeValueAreFilledIn(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, d database) {
		s := d.store(t)
		key := mustKey(t, "large")
		for _, size := range []int{10_000, 2 << 20} {
			filler := strings.Repeat(`"é\\",`, size/8/10)
			value := "[" + strings.Repeat(filler+`{"$now":true},{"offset":12,"$now":true},`, 10) + "0]"
			now := mustTime(t, s, setNow(t, key, value))
			want := strings.NewReplacer(`{"$now":true}`, fmt.Sprint(now), `{"offset":12,"$now":true}`, fmt.Sprint(now+12)).Replace(value)
			if got := string(mustGet(t, s, key).Value); got != want {
				t.Errorf("about %d bytes: got %d bytes, want %d", size, len(got), len(want))
			}
		}
	})
}

func TestAMutationThatDoesNotApplyToATimeIsRefused(t *testing.T) {
	t.Parallel()
	s := embedded(t).store(t)
	key := mustKey(t, "at")
	for _, c := range []struct {
		set  string
		then kv.Mutation
		want error
	}{
		{`{"at":{"$now":true}}`, number(t, kv.MutationSum, key, `1`), kv.ErrTypeMismatch},
		{`[{"$now":true}]`, number(t, kv.MutationMax, key, `1`), kv.ErrTypeMismatch},
		{`{"$now":true}`, kv.Mutation{Type: kv.MutationAppend, Key: key, Value: []byte(`[1]`)}, kv.ErrTypeMismatch},
		{`{"$now":true}`, number(t, kv.MutationSum, key, `9007199254740991`), kv.ErrOutOfRange},
		{`{"$now":true}`, number(t, kv.MutationSum, key, `{"__type":"bigint","value":"99007199254740991"}`), kv.ErrOutOfRange},
	} {
		_, err := s.Atomic(timeout(t), kv.AtomicRequest{Mutations: []kv.Mutation{setNow(t, key, c.set), c.then}})
		if !errors.Is(err, c.want) {
			t.Errorf("%s, then type %d: %v, want %v", c.set, c.then.Type, err, c.want)
		}
	}
}

// Whatever mutations follow, the result is that of the same with the time itself.
func TestTheTimeComputesAsItsNumberDoes(t *testing.T) {
	t.Parallel()
	timeComputes(t, 30)
}

func TestSoakTheTimeComputesAsItsNumberDoes(t *testing.T) {
	nodetest.OnlyInSoak(t)
	timeComputes(t, 100)
}

func timeComputes(t *testing.T, runs int) {
	s := embedded(t).store(t)
	key, reference := mustKey(t, "at"), mustKey(t, "reference")
	check(t, runs, func(r *rapid.T) {
		now := mustTime(t, s)
		operand := rapid.OneOf(rapid.Int64Range(-1<<52, 1<<52), rapid.Int64Range(now-1000, now+1000), rapid.Int64Range(-1000, 1000))
		mutations := []kv.Mutation{setNow(t, key, `{"$now":true}`)}
		for range rapid.IntRange(1, 6).Draw(r, "mutations") {
			kind := rapid.SampledFrom([]kv.MutationType{kv.MutationSum, kv.MutationMin, kv.MutationMax}).Draw(r, "type")
			mutations = append(mutations, number(t, kind, key, fmt.Sprint(operand.Draw(r, "operand"))))
		}
		clock := mustKey(t, "clock")
		_, err := s.Atomic(timeout(t), kv.AtomicRequest{Mutations: append(mutations, setNow(t, clock, `{"$now":true}`))})
		if err != nil {
			return // out of range for some time: not what is asked here
		}
		mutations[0] = set(key, string(mustGet(t, s, clock).Value))
		for i := range mutations {
			mutations[i].Key = reference
		}
		mustCommit(t, s, mutations...)
		if got, want := string(mustGet(t, s, key).Value), string(mustGet(t, s, reference).Value); got != want {
			r.Errorf("got %s, want %s", got, want)
		}
	})
}
