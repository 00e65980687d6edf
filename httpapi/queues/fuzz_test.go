package queues

import (
	"encoding/json"
	"testing"

	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/queue"
)

func FuzzMessageBody(f *testing.F) {
	for _, seed := range []string{
		`{"value":1}`, `{"value":{"$now":true},"options":{"delay":5,"backoffSchedule":[1,2],"keysIfUndelivered":[["a",1]],"queue":"q","maxAttempts":3,"priority":-128,"dedupeId":"d"}}`,
		`{"value":"\ud800","options":null}`, `{"options":{}}`, `{"value":1,"value":2}`, `[`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := decodeMessage(body, 1<<10)
		if err != nil {
			return
		}
		if !json.Valid(body) || !json.Valid(m.Value) || len(m.Value) > 1<<10 {
			t.Errorf("%q was accepted, as the value %q", body, m.Value)
		}
		if m.Queue != "" && queue.ValidateName(m.Queue) != nil {
			t.Errorf("the queue %q was accepted", m.Queue)
		}
		if m.Delay < 0 || m.Delay > queue.MaxDelay || m.MaxAttempts < 0 || m.MaxAttempts > queue.MaxAttempts ||
			m.Priority < queue.MinPriority || m.Priority > queue.MaxPriority || len(m.Backoff) > queue.MaxBackoffSteps || len(m.KeysIfUndelivered) > queue.MaxKeysIfUndelivered {
			t.Errorf("%+v was accepted", m)
		}
	})
}

func FuzzSettlementBody(f *testing.F) {
	for _, seed := range []string{
		`{"id":"01890000-0000-7000-8000-000000000000","receipt":"00010000000000010000d0.default"}`, `{"receipt":""}`,
		`{"lock":1000,"delay":0,"error":"\u0000","deadLetter":true}`, `{"lock":-1}`, `{"delay":1e3}`,
	} {
		f.Add([]byte(seed))
	}
	known := route.Members{}
	for _, name := range []string{"id", "receipt", "lock", "delay", "error", "deadLetter"} {
		known[name] = nil
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var req settleRequest
		if route.DecodeObject(body, known, req.member) != nil {
			return
		}
		if !json.Valid(body) {
			t.Errorf("%q was accepted", body)
		}
		if req.lock < 0 || req.failure.Delay != nil && (*req.failure.Delay < 0 || *req.failure.Delay > queue.MaxDelay) {
			t.Errorf("%+v was accepted", req)
		}
	})
}
