package node_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/node/testnode"
)

// registerInput is an operation on one register: a write of value, or a read.
type registerInput struct {
	key   string
	write bool
	value int64
}

// registerOutput is what a read has returned. The outcome of a write that got no
// answer is open: it may have happened, or may happen later.
type registerOutput struct {
	value   int64
	unknown bool
}

// registers is the model: each key holds what was last written, at first 0.
var registers = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, op := range history {
			key := op.Input.(registerInput).key
			byKey[key] = append(byKey[key], op)
		}
		var parts [][]porcupine.Operation
		for _, part := range byKey {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return int64(0) },
	Step: func(state, input, output any) (bool, any) {
		in, out := input.(registerInput), output.(registerOutput)
		if in.write {
			return true, in.value
		}
		return out.unknown || out.value == state.(int64), state
	},
	DescribeOperation: func(input, output any) string {
		in, out := input.(registerInput), output.(registerOutput)
		if in.write {
			return fmt.Sprintf("%s := %d", in.key, in.value)
		}
		return fmt.Sprintf("%s = %d", in.key, out.value)
	},
}

// history records operations with the times of their calls and returns.
type history struct {
	begun time.Time
	mu    sync.Mutex // covers operations
	ops   []porcupine.Operation
}

// do runs an operation and records it.
func (h *history) do(clientID int, in registerInput, run func() (int64, error)) {
	call := time.Since(h.begun)
	value, err := run()
	end := time.Since(h.begun)
	if err != nil {
		if !in.write || refusedAtOnce(err) {
			return // it says nothing
		}
		end = time.Hour // it may yet happen
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{
		ClientId: clientID, Input: in, Output: registerOutput{value: value, unknown: err != nil},
		Call: int64(call), Return: int64(end),
	})
}

func TestRegistersAreLinearisableOverNodesThatAreKilled(t *testing.T) {
	t.Parallel()
	sqld := nodetest.MustStartSqldPair(t)
	config := nodetest.ServeConfig{
		Binary: keyval(t), LibsqlURL: sqld.Primary.HTTPURL(), ReplicaURL: sqld.Replica.HTTPURL(),
	}
	config.Dir = t.TempDir()
	nodes := []*nodetest.NodeProcess{nodetest.MustStartNodeProcess(t, config)}
	config.Dir, config.Join = t.TempDir(), []string{nodes[0].GossipAddr()}
	nodes = append(nodes, nodetest.MustStartNodeProcess(t, config))

	h := &history{begun: time.Now()}
	ctx, stop := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	t.Cleanup(func() { stop(); clients.Wait() })
	for id := range 8 {
		clients.Go(func() { useRegisters(ctx, t, h, id, nodes[id%2].URL()) })
	}
	for range repetitions(t, 2, 20) {
		before := h.length()
		await.That(t, "both nodes serve", func() bool { return h.length() > before+400 })
		if err := nodes[1].Kill(); err != nil {
			t.Fatal(err)
		}
		if err := nodes[1].Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	before := h.length()
	await.That(t, "both nodes serve", func() bool { return h.length() > before+200 })
	stop()
	clients.Wait()
	h.mustBeLinearisable(t)
}

// useRegisters writes and reads two registers through one node, at any moment of
// its life.
func useRegisters(ctx context.Context, t *testing.T, h *history, id int, url string) {
	direct := newPlain(t, url).strongly()
	tick := time.NewTicker(pace / 2)
	defer tick.Stop()
	for n := int64(1); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		in := registerInput{key: fmt.Sprint("register-", rand.N(2)), write: rand.N(2) == 0, value: int64(id+1)*1_000_000 + n}
		h.do(id, in, func() (int64, error) {
			if in.write {
				return 0, direct.put(context.WithoutCancel(ctx), in.key, in.value)
			}
			return direct.get(context.WithoutCancel(ctx), in.key)
		})
	}
}

// refusedAtOnce tells whether a write certainly did not happen: nobody listened, or
// the node says so.
func refusedAtOnce(err error) bool {
	dial, ok := errors.AsType[*net.OpError](err)
	return ok && dial.Op == "dial" || errors.Is(err, api.Unavailable) || strings.Contains(err.Error(), `"code":"unavailable"`)
}

// mustBeLinearisable is for when nobody adds to the history any more.
func (h *history) mustBeLinearisable(t *testing.T) {
	t.Helper()
	t.Logf("%d operations", len(h.ops))
	switch result, info := porcupine.CheckOperationsVerbose(registers, h.ops, 3*time.Minute); result {
	case porcupine.Illegal:
		file := t.ArtifactDir() + "/history.html"
		if err := porcupine.VisualizePath(registers, info, file); err != nil {
			t.Error(err)
		}
		t.Errorf("the history is not linearisable, see %s", file)
	case porcupine.Unknown:
		t.Error("the checker has not come to an end")
	}
}

func (h *history) length() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ops)
}

// A session that goes from node to node with the position header sees its own
// writes and never goes back.
func TestASessionHoldsAcrossNodes(t *testing.T) {
	t.Parallel()
	sqld := nodetest.MustStartSqldPair(t)
	config := testnode.NodeConfig(t.TempDir())
	config.LibsqlURL, config.LibsqlReplicaURL = sqld.Primary.HTTPURL(), sqld.Replica.HTTPURL()
	c := testnode.MustStartCluster(t, config, 3)
	var position api.Versionstamp
	for n := range int64(repetitions(t, 30, 5000)) {
		writer, reader := rand.N(len(c.Nodes)), rand.N(len(c.Nodes))
		s := c.Nodes[writer].Client.SessionAt(position)
		if _, err := s.Put(t.Context(), api.Key{"session"}, n); err != nil {
			t.Fatal(err)
		}
		position = s.Position()
		s = c.Nodes[reader].Client.SessionAt(position)
		got, err := typed{Client: s}.get(t.Context(), "session")
		if err != nil || got != n {
			t.Fatalf("written at node %d, read at node %d: got %d, %v; want %d", writer, reader, got, err, n)
		}
		if s.Position() < position {
			t.Fatalf("the position went back from %s to %s", position, s.Position())
		}
		position = s.Position()
	}
}
