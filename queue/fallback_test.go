package queue_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
	"github.com/buntime/keyval/queue"
)

// Together their keys are more than a server's database sends in one answer. Embedded
// there is no such limit.
func TestTheFallbackKeysOfManyMessagesHoldUpNeitherReleaseNorSweep(t *testing.T) {
	t.Parallel()
	n := database{nodetest.MustStartPrimary(t).HTTPURL()}.node(t)
	const messages = 260
	all := make([]queue.Enqueue, messages)
	for i := range all {
		all[i] = queue.Enqueue{Value: []byte(`1`), MaxAttempts: 1}
	}
	n.enqueue(all...)
	keys := longKeys(t)
	n.change("UPDATE kv_queue SET keys_if_undelivered=?", encodedKeys(t, keys))
	taken := n.takeAll(messages)
	must(t, n.Release(t.Context(), taken))
	n.wantCounts(queue.Counts{Pending: messages})
	n.takeAll(messages)
	n.endLocks()
	if got := n.sweep(); got != messages {
		t.Errorf("swept %d messages, want %d", got, messages)
	}
	n.wantCounts(queue.Counts{Dead: messages})
	for _, key := range keys {
		if got := n.get(key); string(got.Value) != `1` {
			t.Errorf("a fallback key has %q, want the message's value", got.Value)
		}
	}
}

func TestASweepsTransactionsAreBoundedByWhatTheyWrite(t *testing.T) {
	for name, keys := range map[string][]kv.Key{"dead letters": nil, "fallback keys": {mustKey(t, "failed", "a"), mustKey(t, "failed", "b")}} {
		t.Run(name, func(t *testing.T) {
			onEachDatabase(t, func(t *testing.T, d database) {
				n := d.node(t)
				const messages = 4
				for range messages {
					n.enqueue(queue.Enqueue{Value: []byte(`1`), MaxAttempts: 1, KeysIfUndelivered: keys})
				}
				n.takeAll(messages)
				n.change(`UPDATE kv_queue SET value='"'||hex(zeroblob((?1-2)/2))||'"',size=?1`, int64(1<<20))
				n.endLocks()
				before := n.transactions()
				if got := n.sweep(); got != messages {
					t.Errorf("swept %d messages, want %d", got, messages)
				}
				if got := n.transactions() - before; got != messages {
					t.Errorf("%d transactions for %d messages of 1 MiB, want one for each", got, messages)
				}
			})
		})
	}
}

// longKeys are ten keys of about the largest size.
func longKeys(t *testing.T) []kv.Key {
	t.Helper()
	keys := make([]kv.Key, 10)
	for i := range keys {
		keys[i] = mustKey(t, fmt.Sprint(i), strings.Repeat("a", 1000), strings.Repeat("b", 1000))
	}
	return keys
}

// encodedKeys are keys as kv_queue has them.
func encodedKeys(t *testing.T, keys []kv.Key) string {
	t.Helper()
	var encoded []string
	for _, key := range keys {
		encoded = append(encoded, hex.EncodeToString([]byte(key)))
	}
	text, err := json.Marshal(encoded)
	must(t, err)
	return string(text)
}

// takeAll takes messages until it has so many.
func (n *node) takeAll(want int) []queue.Message {
	n.t.Helper()
	var taken []queue.Message
	for len(taken) < want {
		found := n.dequeue(queue.Dequeue{Max: 100, Wait: queue.MaxWait})
		if len(found) == 0 {
			n.t.Fatalf("took %d messages, want %d", len(taken), want)
		}
		taken = append(taken, found...)
	}
	return taken
}
