package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestAnAtomicOperationIsAllOrNothing(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		done := f.must("POST", "/atomic", `{"checks":[{"key":["a"],"versionstamp":null}],"mutations":[
			{"type":"set","key":["a"],"value":{"b": 1}},
			{"value":5,"key":["n"],"type":"sum"},
			{"type":"max","key":["n"],"value":"7"},
			{"type":"min","key":["big"],"value":{"__type":"bigint","value":"12345678901234567890"}},
			{"type":"append","key":["list"],"value":[2,3]},
			{"type":"prepend","key":["list"],"value":[1],"expireIn":60000},
			{"type":"delete","key":["none"]}]}`)
		stamp := done.versionstamp()
		if want := `{"ok":true,"versionstamp":"` + stamp + `"}`; done.body != want {
			t.Errorf("got %s, want %s", done.body, want)
		}
		if got := valuesOf(t, f.everything()); got != `{"b":1} {"__type":"bigint","value":"12345678901234567890"} [1,2,3] 7` {
			t.Errorf("values: got %s", got)
		}
		failed := f.must("POST", "/atomic", `{"checks":[{"key":["a"],"versionstamp":null},{"key":["none"],"versionstamp":null}],"mutations":[{"type":"delete","key":["a"]}]}`)
		if want := `{"ok":false,"conflicts":[{"key":["a"],"versionstamp":"` + stamp + `"}]}`; failed.body != want {
			t.Errorf("a check that does not hold: got %s, want %s", failed.body, want)
		}
		f.must("GET", "/keys/a", "")
	})
}

func TestTheTimeIsPutIntoAtomicSetsOnly(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.must("POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":{"at": {"$now":true}}}]}`)
	f.must("PUT", "/keys/b", `{"at":{"$now":true}}`)
	got := strings.Split(valuesOf(t, f.everything()), " ")
	var a struct{ At int64 }
	if err := json.Unmarshal([]byte(got[0]), &a); err != nil || a.At < 1_600_000_000_000 {
		t.Errorf("atomic: got %s (%v), want the time", got[0], err)
	}
	if want := `{"at":{"$now":true}}`; got[1] != want {
		t.Errorf("PUT: got %s, want %s", got[1], want)
	}
}

func TestAKeyCanEndInItsCommit(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	stamp := f.must("POST", "/atomic", `{"mutations":[{"type":"set","key":["log",{"__type":"commitVersionstamp"}],"value":1}]}`).versionstamp()
	f.must("GET", "/keys/log/~s:"+stamp, "")
}

func TestATransactionDecidesOnASnapshot(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		a := f.must("PUT", "/keys/acc/a", "10").versionstamp()
		first := f.must("POST", "/transaction", `{"reads":[{"key":["acc","a"]},{"key":["acc","b"]},{"prefix":["acc"]}]}`)
		entry := `{"key":["acc","a"],"value":10,"versionstamp":"` + a + `"}`
		snapshot := first.versionstamp()
		want := `{"ok":true,"versionstamp":"` + snapshot + `","reads":[` + entry + `,{"key":["acc","b"],"value":null,"versionstamp":null},[` + entry + `]]}`
		if first.body != want {
			t.Fatalf("got %s, want %s", first.body, want)
		}
		commit := `{"reads":[{"prefix":["acc"]}],"snapshot":"` + snapshot + `","mutations":[{"type":"set","key":["acc","b"],"value":1}]}`
		second := f.must("POST", "/transaction", commit)
		if want := `{"ok":true,"versionstamp":"` + second.versionstamp() + `","reads":[[` + entry + `]]}`; second.body != want {
			t.Errorf("got %s, want %s", second.body, want)
		}
		third := f.must("POST", "/transaction", commit)
		if want := `{"ok":false,"error":"conflict","conflicts":[{"key":["acc","b"],"versionstamp":"` + second.versionstamp() + `"}]}`; third.body != want {
			t.Errorf("after a change: got %s, want %s", third.body, want)
		}
	})
}

func TestARepeatedRequestIsAnsweredAsTheFirstTime(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		f.must("PUT", "/keys/old/1", "1")
		f.must("PUT", "/keys/old/2", "1")
		for i, c := range []struct{ method, target, body, other string }{
			{"PUT", "/keys/a?expireIn=60000", "1", "2"},
			{"DELETE", "/keys/a", "", `{"exact":false}`},
			{"DELETE", "/keys?prefix=old", "", ""},
			{"POST", "/keys/delete-batch", `{"keys":[["a"]]}`, `{"keys":[["b"]]}`},
			{"POST", "/atomic", `{"mutations":[{"type":"sum","key":["n"],"value":1}]}`, `{"mutations":[{"type":"sum","key":["n"],"value":2}]}`},
			{"POST", "/transaction", `{"reads":[{"key":["n"]}],"mutations":[{"type":"sum","key":["n"],"value":1}]}`, `{}`},
		} {
			key := fmt.Sprintf("Idempotency-Key: %d", i)
			first := f.must(c.method, c.target, c.body, key)
			again := f.must(c.method, c.target, c.body, key)
			if first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("%s %s: Idempotency-Replayed: got %q, then %q", c.method, c.target,
					first.header.Get("Idempotency-Replayed"), again.header.Get("Idempotency-Replayed"))
			}
			if again.body != first.body || again.versionstamp() != first.versionstamp() {
				t.Errorf("%s %s: got %s (%s), want %s (%s)", c.method, c.target, again.body, again.versionstamp(), first.body, first.versionstamp())
			}
			if c.other == "" {
				continue
			}
			if got := f.do(c.method, c.target, c.other, key); got.status != 400 {
				t.Errorf("%s %s with another body: got %d %s, want 400", c.method, c.target, got.status, got.body)
			}
		}
		if got := f.do("PUT", "/keys/a?expireIn=60001", "1", "Idempotency-Key: 0"); got.status != 400 {
			t.Errorf("another query: got %d, want 400", got.status)
		}
		if got := f.do("PUT", "/keys/b?expireIn=60000", "1", "Idempotency-Key: 0"); got.status != 400 {
			t.Errorf("another key: got %d, want 400", got.status)
		}
		if got := f.must("GET", "/keys/n", "").body; !strings.Contains(got, `"value":2,`) {
			t.Errorf("after repetitions: got %s, want 2", got)
		}
	})
}
