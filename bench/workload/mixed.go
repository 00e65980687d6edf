package workload

import (
	"context"

	"github.com/buntime/keyval/bench/load"
)

// scanLength is the longest scan of YCSB's workload E.
const scanLength = 100

// mix is one of YCSB's core workloads: of two kinds of operations, the first has a share.
type mix struct {
	letter string
	names  []string
	share  float64
	do     [2]func(*mixing, context.Context) error
	latest bool // new keys are read more often than old ones
}

// mixes are YCSB's core workloads, as of its release 0.17.
func mixes() []mix {
	type steps = [2]func(*mixing, context.Context) error
	return []mix{
		{letter: "a", names: []string{"read", "update"}, share: 0.5, do: steps{(*mixing).lookUp, (*mixing).update}},
		{letter: "b", names: []string{"read", "update"}, share: 0.95, do: steps{(*mixing).lookUp, (*mixing).update}},
		{letter: "c", names: []string{"read"}, share: 1, do: steps{(*mixing).lookUp}},
		{letter: "d", names: []string{"read", "insert"}, share: 0.95, do: steps{(*mixing).lookUp, (*mixing).insert}, latest: true},
		{letter: "e", names: []string{"scan", "insert"}, share: 0.95, do: steps{(*mixing).scanOn, (*mixing).insert}},
		{letter: "f", names: []string{"read", "read-modify-write"}, share: 0.5, do: steps{(*mixing).lookUp, (*mixing).modify}},
	}
}

func mixLetters() []string {
	var letters []string
	for _, m := range mixes() {
		letters = append(letters, m.letter)
	}
	return letters
}

func openMixed(p *place) Workload {
	w := &mixed{filled: filled{p, sizes(p.ValueBytes).plain}, inserts: newInserts(p.Keys)}
	for _, m := range mixes() {
		if m.letter == p.Mix {
			w.mix = m
		}
	}
	if w.mix.latest {
		w.latest.grow(int64(p.Keys))
	}
	return w
}

// mixed is a mix. Keys that it inserts stay until Clean, so a second run has more of them.
type mixed struct {
	filled
	mix     mix
	inserts *inserts
	latest  zipf // of the keys that Prepare makes, for each worker to go on from
}

func (w *mixed) Operations() []string { return w.mix.names }

func (w *mixed) Worker(ctx context.Context, i int) (load.Worker, error) {
	c, err := w.caller(ctx, i)
	return &mixing{caller: c, mix: w.mix, inserts: w.inserts, scrambled: newScrambled(), latest: w.latest}, err
}

type mixing struct {
	caller
	mix       mix
	inserts   *inserts
	scrambled zipf
	latest    zipf
}

func (w *mixing) Do(ctx context.Context) (int, error) {
	operation := 0
	if w.rand.Float64() >= w.mix.share {
		operation = 1
	}
	return operation, w.mix.do[operation](w, ctx)
}

// pick is a key that is there: one of a few hot ones most of the time.
func (w *mixing) pick() int {
	keys := w.inserts.count()
	if !w.mix.latest {
		return w.scrambled.scrambled(w.rand, keys)
	}
	w.latest.grow(int64(keys))
	return keys - 1 - int(w.latest.next(w.rand))
}

func (w *mixing) lookUp(ctx context.Context) error {
	_, err := w.read(ctx, w.pick())
	return err
}

func (w *mixing) update(ctx context.Context) error {
	_, err := w.write(ctx, w.pick())
	return err
}

func (w *mixing) insert(ctx context.Context) error {
	n := w.inserts.take()
	_, err := w.write(ctx, n)
	w.inserts.end(n, err == nil)
	return err
}

func (w *mixing) scanOn(ctx context.Context) error {
	return w.scan(ctx, w.pick(), 1+w.rand.IntN(scanLength))
}

// modify reads a key and sets it if nobody else has meanwhile. It does not try again: a
// conflict is a failure of its own.
func (w *mixing) modify(ctx context.Context) error {
	n := w.pick()
	answer, err := w.read(ctx, n)
	if err != nil {
		return err
	}
	_, err = w.setChecked(ctx, n, member(answer.Body, "versionstamp"))
	return err
}
