package gate_test

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/buntime/keyval/httpapi/api"
)

const value = `{"name":"alice","age":42}`

// An operation is a request whose cost is kept.
type operation struct {
	name, about string
	// prepare makes so many requests that cost the same, and what they need.
	prepare func(s *server, n int) []*http.Request
}

// operations are in the order in which they are counted: those that make the database
// larger leave alone what the others read.
func operations() []operation {
	return []operation{
		{"put", "`PUT` of a key", same("PUT", "/keys/users/alice", value)},
		{"get", "`GET` of a key", afterPut(same("GET", "/keys/users/alice", ""))},
		{"get-10", "`POST /keys/batch` of 10 keys", getMany},
		{"list-100", "a list of 100", overHundred(same("GET", "/keys?prefix=hundred&limit=100", ""))},
		{"filter-100", "a list of those 10 of 100 that a filter matches", overHundred(same("POST", "/keys/list", `{"prefix":["hundred"],"where":{"n":{"$lt":10}}}`))},
		{"count-100", "a count of 100", overHundred(same("GET", "/keys/count?prefix=hundred", ""))},
		{"atomic", "`POST /atomic` with one check", checked},
		{"sum", "a `sum`", same("POST", "/atomic", `{"mutations":[{"type":"sum","key":["counter"],"value":{"__type":"bigint","value":"1"}}]}`)},
		{"transaction", "`POST /transaction` that commits a read of one key", transaction},
		{"delete", "`DELETE` of a key", deletes},
		{"enqueue", "enqueue", same("POST", "/queue/enqueue", `{"value":`+value+`,"options":{"queue":"filled"}}`)},
		{"dequeue", "dequeue", dequeue},
		{"ack", "ack", ack},
		{"search", "a search that finds 10", searches},
		{"poll", "a watch poll that need not wait", afterPut(same("GET", "/watch/poll?keys=users/alice&wait=0", ""))},
	}
}

// same is the same request each time.
func same(method, target, body string) func(*server, int) []*http.Request {
	return func(_ *server, n int) []*http.Request { return repeat(n, method, target, body) }
}

func repeat(n int, method, target, body string) []*http.Request {
	var all []*http.Request
	for range n {
		all = append(all, newRequest(method, target, body))
	}
	return all
}

func afterPut(prepare func(*server, int) []*http.Request) func(*server, int) []*http.Request {
	return func(s *server, n int) []*http.Request {
		s.must("PUT", "/keys/users/alice", value)
		return prepare(s, n)
	}
}

// overHundred has a hundred entries, of which the filter's n is below 10 in ten.
func overHundred(prepare func(*server, int) []*http.Request) func(*server, int) []*http.Request {
	return func(s *server, n int) []*http.Request {
		s.fill("hundred", 100, `{"name":"user %d","n":%[1]d}`)
		return prepare(s, n)
	}
}

// fill puts entries below a prefix, unless they are there.
func (s *server) fill(prefix string, entries int, format string) {
	s.t.Helper()
	for i := range entries {
		s.must("PUT", fmt.Sprintf("/keys/%s/%d", prefix, i), fmt.Sprintf(format, i))
	}
}

func getMany(s *server, n int) []*http.Request {
	s.fill("ten", 10, `{"name":"user %d"}`)
	var keys []api.Key
	for i := range 10 {
		keys = append(keys, api.Key{"ten", i})
	}
	body, err := json.Marshal(api.BatchRequest{Keys: keys})
	if err != nil {
		s.t.Fatal(err)
	}
	return repeat(n, "POST", "/keys/batch", string(body))
}

// checked checks a key that it does not change, so that the check holds each time.
func checked(s *server, n int) []*http.Request {
	at := position(s.must("PUT", "/keys/checked", value))
	return repeat(n, "POST", "/atomic", fmt.Sprintf(
		`{"checks":[{"key":["checked"],"versionstamp":%q}],"mutations":[{"type":"set","key":["users","bob"],"value":%s}]}`, at, value))
}

func transaction(s *server, n int) []*http.Request {
	at := position(s.must("PUT", "/keys/read", value))
	return repeat(n, "POST", "/transaction", fmt.Sprintf(
		`{"reads":[{"key":["read"]}],"snapshot":%q,"mutations":[{"type":"set","key":["users","carol"],"value":%s}]}`, at, value))
}

func deletes(s *server, n int) []*http.Request {
	s.fill("gone", n, `{"name":"user %d"}`)
	var all []*http.Request
	for i := range n {
		all = append(all, newRequest("DELETE", fmt.Sprintf("/keys/gone/%d", i), ""))
	}
	return all
}

// enqueue has messages in a queue that nothing else takes from.
func (s *server) enqueue(queue string, n int) {
	s.t.Helper()
	for range n {
		s.must("POST", "/queue/enqueue", `{"value":`+value+`,"options":{"queue":"`+queue+`"}}`)
	}
}

func dequeue(s *server, n int) []*http.Request {
	s.enqueue("taken", n)
	return repeat(n, "GET", "/queue/dequeue?queue=taken", "")
}

func ack(s *server, n int) []*http.Request {
	s.enqueue("acked", n)
	var all []*http.Request
	for range n {
		var taken api.DequeueResult
		if err := json.Unmarshal(s.must("GET", "/queue/dequeue?queue=acked", "").Body.Bytes(), &taken); err != nil {
			s.t.Fatal(err)
		}
		all = append(all, newRequest("POST", "/queue/ack/"+taken.Message.ID, `{"receipt":"`+taken.Message.Receipt+`"}`))
	}
	return all
}

func searches(s *server, n int) []*http.Request {
	s.fill("articles", 10, `{"title":"salt, number %d"}`)
	s.must("POST", "/indexes", `{"prefix":["articles"],"fields":["title"]}`)
	return repeat(n, "GET", "/search?prefix=articles&query=salt", "")
}
