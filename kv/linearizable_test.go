package kv_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
)

// A register operation: a read, a write, or a write on the condition that the
// value is still the one at a versionstamp that was read before.
type registerInput struct {
	key    int
	kind   string
	value  string // to write
	expect string // of a conditional write: the value that the versionstamp stood for
}

type registerOutput struct {
	value   string // read
	ok      bool   // of a conditional write
	unknown bool
}

var registerModel = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[int][]porcupine.Operation{}
		for _, o := range history {
			key := o.Input.(registerInput).key
			byKey[key] = append(byKey[key], o)
		}
		var parts [][]porcupine.Operation
		for _, p := range byKey {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		in, out := input.(registerInput), output.(registerOutput)
		switch in.kind {
		case "read":
			return out.value == state, state
		case "write":
			return true, in.value
		}
		// Values are written once, so the same value is the same version.
		holds := state == in.expect
		if holds {
			return out.unknown || out.ok, in.value
		}
		return out.unknown || !out.ok, state
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// A recorder keeps what happened when.
type recorder struct {
	begun   time.Time
	mu      sync.Mutex
	history []porcupine.Operation
}

func (r *recorder) now() int64 { return int64(time.Since(r.begun)) }

// record keeps an operation with its outcome: one that did nothing for sure
// is left out, and one that may still happen never ends.
func (r *recorder) record(client int, call int64, in registerInput, out registerOutput, err error) error {
	end := r.now()
	switch {
	case err == nil:
	case errors.Is(err, sqldb.ErrCommitUnknown):
		out.unknown, end = true, math.MaxInt64
	case errors.Is(err, sqldb.ErrUnavailable), errors.Is(err, kv.ErrTimeout):
		return nil // promises that nothing was written
	default:
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = append(r.history, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: call, Return: end})
	return nil
}

func TestRegistersAreLinearisableOverTwoNodesWhoseConnectionsBreak(t *testing.T) {
	t.Parallel()
	registersAreLinearisable(t, 200)
}

func TestSoakRegistersAreLinearisableOverTwoNodesWhoseConnectionsBreak(t *testing.T) {
	nodetest.OnlyInSoak(t)
	registersAreLinearisable(t, 5_000)
}

// registersAreLinearisable checks a history of about so many operations.
func registersAreLinearisable(t *testing.T, enough int) {
	primary := nodetest.MustStartPrimary(t)
	var nodes []*kv.Store
	var proxies []*nodetest.FaultProxy
	for range 2 {
		proxy := nodetest.MustStartFaultProxy(t, primary.Addr())
		proxies = append(proxies, proxy)
		nodes = append(nodes, database{primary: proxy.HTTPURL()}.store(t))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r := &recorder{begun: time.Now()}
	var breakers, clients sync.WaitGroup
	for i, proxy := range proxies {
		breakers.Go(func() { breakConnections(ctx, r, proxy, rand.New(rand.NewPCG(1, uint64(i)))) })
	}
	for client := range 12 {
		random := rand.New(rand.NewPCG(2, uint64(client)))
		clients.Go(func() {
			if err := useRegisters(ctx, r, client, nodes[client%2], random); err != nil {
				t.Error(err)
			}
		})
	}
	awaitHistory(r, enough)
	stop()
	clients.Wait()
	breakers.Wait()
	for _, p := range proxies {
		if err := p.Heal(); err != nil {
			t.Fatal(err)
		}
	}
	// What the database ended with belongs to the history.
	for key := range registers {
		call := r.now()
		e := mustGet(t, nodes[0], mustKey(t, "register", float64(key)), kv.ReadOptions{Consistency: kv.Strong})
		_ = r.record(99, call, registerInput{key: key, kind: "read"}, registerOutput{value: string(e.Value)}, nil)
	}
	if len(r.history) < enough/10 {
		t.Errorf("only %d operations were answered", len(r.history))
	}
	if result := porcupine.CheckOperationsTimeout(registerModel, r.history, 3*time.Minute); result != porcupine.Ok {
		t.Errorf("the history of %d operations is %s", len(r.history), result)
	}
}

func (r *recorder) length() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.history)
}

// awaitHistory waits until enough has happened; on a slow machine until some
// time has passed and as much has happened as shows anything.
func awaitHistory(r *recorder, enough int) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(time.Duration(enough) * 20 * time.Millisecond)
	for n := 0; n < enough && (n < enough/10 || time.Now().Before(deadline)); n = r.length() {
		<-tick.C
	}
}

const registers = 6

// useRegisters reads and writes until ctx ends.
func useRegisters(ctx context.Context, r *recorder, client int, node *kv.Store, random *rand.Rand) error {
	seen := map[int]kv.Entry{}
	for n := 0; ctx.Err() == nil; n++ {
		in := registerInput{key: random.IntN(registers), kind: "read", value: fmt.Sprintf(`"%d.%d"`, client, n)}
		key, err := kv.NewKey("register", float64(in.key))
		if err != nil {
			return err
		}
		old, known := seen[in.key]
		switch random.IntN(4) {
		case 0:
			in.kind = "write"
		case 1, 2:
			if known {
				in.kind, in.expect = "conditional write", string(old.Value)
			}
		}
		// Some callers are less patient than a recovery takes.
		op, cancel := context.WithTimeout(context.Background(), time.Duration(20+random.IntN(4000))*time.Millisecond)
		call := r.now()
		var out registerOutput
		if in.kind == "read" {
			var found []kv.Entry
			if found, _, err = node.Get(op, []kv.Key{key}, kv.ReadOptions{Consistency: kv.Strong}); err == nil {
				seen[in.key], out.value = found[0], string(found[0].Value)
			}
		} else {
			req := kv.AtomicRequest{Mutations: []kv.Mutation{set(key, in.value)}}
			if in.kind == "conditional write" {
				req.Checks = []kv.Check{{Key: key, Versionstamp: old.Versionstamp}}
			}
			var result kv.AtomicResult
			result, err = node.Atomic(op, req)
			out.ok = result.OK
		}
		cancel()
		if in.kind == "read" && err != nil {
			continue // a read that failed says nothing
		}
		if err := r.record(client, call, in, out, err); err != nil {
			return fmt.Errorf("%s: %w", in.kind, err)
		}
	}
	return nil
}

// breakConnections breaks them at the worst moments, and at any, until ctx
// ends. However slow the machine is, something is answered in between.
func breakConnections(ctx context.Context, r *recorder, proxy *nodetest.FaultProxy, random *rand.Rand) {
	commit := []byte("incarnation=s.incarnation")
	for ctx.Err() == nil {
		before := r.length()
		var fault *nodetest.Fault
		switch random.IntN(5) {
		case 0:
			fault = proxy.CutNextAnswer(commit)
		case 1:
			fault = proxy.CutNextRequest(commit)
		case 2:
			fault = proxy.DuplicateNextRequest(commit)
		case 3:
			fault = proxy.CutNextAnswer([]byte("SET last_group=?2,txn=0"))
		case 4:
			proxy.CutConnections()
			fault = proxy.NoteNextRequest(commit)
		}
		select {
		case <-fault.Happened():
		case <-time.After(time.Duration(5+random.IntN(60)) * time.Millisecond):
		}
		fault.Release()
		for peace := true; peace; peace = ctx.Err() == nil && r.length() == before {
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(random.IntN(30)) * time.Millisecond):
			}
		}
	}
}
