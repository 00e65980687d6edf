package httpapi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

// A bearer is a token with its secret.
type bearer struct {
	access.Token
	secret string
}

// newBearer is a token for some scopes, which change may bound.
func newBearer(name string, scopes []access.Scope, change ...func(*access.Token)) bearer {
	b := bearer{Token: access.Token{Name: name, Scopes: scopes}}
	b.secret, b.ID, b.Hash = access.NewSecret()
	for _, c := range change {
		c(&b.Token)
	}
	return b
}

// boundTo bounds a token to prefixes in URL form.
func boundTo(prefixes ...string) func(*access.Token) {
	return func(t *access.Token) {
		for _, p := range prefixes {
			key, err := kv.ParsePrefixPath(p)
			if err != nil {
				panic(err)
			}
			t.Prefixes = append(t.Prefixes, string(key))
		}
	}
}

func boundToQueues(names ...string) func(*access.Token) {
	return func(t *access.Token) { t.Queues = names }
}

// header is what the bearer sends.
func (b bearer) header() string { return "Authorization: Bearer " + b.secret }

func admit(a *access.Authority, bearers ...bearer) {
	tokens := make([]access.Token, len(bearers))
	for i, b := range bearers {
		tokens[i] = b.Token
	}
	a.Admit(tokens)
}

// mustServeTo serves all routes to the bearers alone.
func mustServeTo(t *testing.T, bearers ...bearer) (*fixture, *access.Authority) {
	t.Helper()
	authority := new(access.Authority)
	admit(authority, bearers...)
	return mustServeEverything(t, func(c *httpapi.Config) { c.Authority = authority }), authority
}

// A scopedRoute is a route with the scope that the document says it needs.
type scopedRoute struct {
	method, template, target string
	scope                    access.Scope
}

// scopedRoutes are all rows of the table.
func (f *fixture) scopedRoutes(t *testing.T) []scopedRoute {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			Scope access.Scope `json:"x-keyval-scope"`
		}
	}
	if err := json.Unmarshal([]byte(f.must("GET", "/openapi.json", "").body), &document); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{key}", "a", "{id}", "01890000-0000-7000-8000-000000000000")
	var all []scopedRoute
	for template, methods := range document.Paths {
		for method, r := range methods {
			all = append(all, scopedRoute{strings.ToUpper(method), template, fill.Replace(template), r.Scope})
		}
	}
	if len(all) < 40 {
		t.Fatalf("the document has %d routes", len(all))
	}
	return all
}

func TestEveryRouteIsServedToWhoHasItsScopeAndToNobodyElse(t *testing.T) {
	t.Parallel()
	var bearers []bearer
	for _, scope := range access.Scopes {
		bearers = append(bearers, newBearer("only-"+string(scope), []access.Scope{scope}))
	}
	f, _ := mustServeTo(t, bearers...)
	// What comes after the scope has been looked at refuses this.
	const admitted, nonsense = 400, "?nonsense=1"
	for _, r := range f.scopedRoutes(t) {
		name := r.method + " " + r.template
		if r.scope == access.Open {
			if got := f.do(r.method, r.target, "", "Authorization: Bearer unknown"); got.status == 401 || got.status == 403 {
				t.Errorf("%s is open: got %d to an unknown token", name, got.status)
			}
			continue
		}
		for _, header := range []string{"X-None: none", "Authorization: Bearer unknown", "Authorization: Basic eDp5", "Authorization: " + bearers[0].secret, "Authorization: Bearer " + bearers[0].secret + "x"} {
			got := f.do(r.method, r.target+nonsense, "", header)
			if got.status != 401 || got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("%s with %s…: got %d, WWW-Authenticate %q, want 401, Bearer", name, header[:8], got.status, got.header.Get("WWW-Authenticate"))
			}
		}
		for _, b := range bearers {
			got := f.do(r.method, r.target+nonsense, "", b.header())
			want := 403
			if r.scope == access.AnyToken || b.Scopes[0] == r.scope {
				want = admitted
			}
			if got.status != want {
				t.Errorf("%s with the scope %s: got %d %s, want %d", name, b.Scopes[0], got.status, got.body, want)
			}
			if want == 403 && r.method != "HEAD" && !strings.Contains(got.body, "lacks the scope "+string(r.scope)) {
				t.Errorf("%s with the scope %s: %s does not name %s", name, b.Scopes[0], got.body, r.scope)
			}
		}
	}
}

// foreignRequests are what a token that is bound to the prefix "mine" and the queue
// "mine" must not get, for each route that reaches keys or queues. Every such route is
// here.
var foreignRequests = map[string][]struct{ query, body string }{
	"GET /keys/{key}":         {{}},
	"PUT /keys/{key}":         {{"", "1"}},
	"DELETE /keys/{key}":      {{}, {"?children=true", ""}, {"", `{"where":{"a":1}}`}, {"", `{"where":{"a":1},"exact":true}`}},
	"GET /keys":               {{}, {"?prefix=a", ""}, {"?start=a&end=b", ""}, {"?start=mine", ""}, {"?end=mine", ""}},
	"POST /keys/list":         {{"", `{}`}, {"", `{"prefix":["a"]}`}, {"", `{"start":["mine"]}`}, {"", `{"where":{"a":1}}`}},
	"GET /keys/paginate":      {{}, {"?prefix=a", ""}},
	"POST /keys/paginate":     {{"", `{}`}, {"", `{"prefix":["a"]}`}, {"", `{"prefix":["a"],"where":{"a":1}}`}},
	"GET /keys/count":         {{}, {"?prefix=a", ""}},
	"POST /keys/count":        {{"", `{}`}, {"", `{"prefix":["a"]}`}, {"", `{"start":["mine"],"end":["z"]}`}, {"", `{"where":{"a":1}}`}},
	"POST /keys/batch":        {{"", `{"keys":[["mine","x"],["a"]]}`}},
	"DELETE /keys":            {{"?all=true", ""}, {"?prefix=a", ""}, {"", `{"keys":[["mine"],["a"]]}`}, {"", `{"where":{"a":1}}`}, {"?prefix=a", `{"where":{"a":1}}`}},
	"POST /keys/delete-batch": {{"", `{"keys":[["a"]]}`}, {"", `{"keys":[["a"]],"exact":true}`}, {"", `{"where":{"a":1}}`}, {"", `{"keys":[["mine"],["a"]],"where":{"a":1}}`}},
	"POST /atomic":            {{"", `{"checks":[{"key":["a"],"versionstamp":null}]}`}, {"", `{"mutations":[{"type":"set","key":["a"],"value":1}]}`}, {"", `{"mutations":[{"type":"set","key":[{"__type":"commitVersionstamp"}],"value":1}]}`}, {"", `{"mutations":[{"type":"delete","key":["a"]}]}`}, {"", `{"enqueue":[{"value":1}]}`}, {"", `{"enqueue":[{"value":1,"options":{"queue":"mine","keysIfUndelivered":[["a"]]}}]}`}},
	"POST /transaction":       {{"", `{"reads":[{"key":["a"]}]}`}, {"", `{"reads":[{"prefix":[]}]}`}, {"", `{"mutations":[{"type":"sum","key":["a"],"value":1}]}`}, {"", `{"checks":[{"key":["a"],"versionstamp":null}]}`}, {"", `{"enqueue":[{"value":1}]}`}},
	"GET /search":             {{"?query=x", ""}, {"?prefix=a&query=x", ""}, {"?start=mine&query=x", ""}},
	"POST /search":            {{"", `{"query":"x"}`}, {"", `{"options":{"prefix":["a"],"query":"x"}}`}},
	"GET /indexes":            nil, // answers with the indexes that are reached
	"POST /indexes":           {{"", `{"prefix":[],"fields":["x"]}`}, {"", `{"prefix":["a"],"options":{"fields":["x"]}}`}},
	"DELETE /indexes":         {{"?prefix=", ""}, {"?prefix=a", ""}, {"", `{"prefix":["a"]}`}},
	"GET /watch":              {{"?keys=a", ""}, {"?keys=mine,a", ""}},
	"GET /watch/prefix":       {{"?prefixes=a", ""}, {"?prefixes=", ""}, {"?prefixes=a&since=00000000000000000000", ""}},
	// What they reach is in messages: see TestADataTokenReachesWhatItsTokenDoes.
	"POST /v2/snapshot_read":          nil,
	"POST /v2/eventual/snapshot_read": nil,
	"POST /v2/atomic_write":           nil,
	"POST /v2/watch":                  nil,
	"POST /v2/eventual/watch":         nil,
	"GET /watch/poll":                 {{"?keys=a", ""}},
	"GET /watch/prefix/poll":          {{"?prefix=a", ""}, {"?prefix=", ""}, {"?prefix=mine&versionstamps=a:00000000000000000001", ""}},
	"POST /queue/enqueue":             {{"", `{"value":1}`}, {"", `{"value":1,"options":{"queue":"other"}}`}, {"", `{"value":1,"options":{"queue":"mine","keys":[["a"]]}}`}},
	"GET /queue/dequeue":              {{}, {"?queue=other", ""}},
	"GET /queue/poll":                 {{}, {"?queue=other", ""}},
	"GET /queue/listen":               {{}, {"?queue=other", ""}},
	"GET /queue/messages":             {{}, {"?queue=other", ""}},
	"DELETE /queue/messages":          {{}, {"?queue=other", ""}},
	"GET /queue/dlq":                  {{}, {"?queue=other", ""}},
	"DELETE /queue/dlq":               {{}, {"?queue=other", ""}},
	"GET /queue/stats":                nil, // answers with the queues that are reached
	"POST /queue/ack/{id}":            nil, // what goes by an id: see the test below
	"POST /queue/ack":                 nil,
	"POST /queue/nack/{id}":           nil,
	"POST /queue/nack":                nil,
	"POST /queue/extend/{id}":         nil,
	"DELETE /queue/messages/{id}":     nil,
	"GET /queue/dlq/{id}":             nil,
	"DELETE /queue/dlq/{id}":          nil,
	"POST /queue/dlq/{id}/requeue":    nil,
}

func TestABoundTokenIsRefusedWhatIsBeyondOnEveryRoute(t *testing.T) {
	t.Parallel()
	all := newBearer("all", access.Scopes)
	bound := newBearer("bound", []access.Scope{access.Read, access.Write, access.Queue, access.Watch}, boundTo("mine"), boundToQueues("mine"))
	f, _ := mustServeTo(t, all, bound)
	f.must("PUT", "/keys/a", `"a secret"`, all.header())
	f.must("POST", "/queue/enqueue", `{"value":"a secret","options":{"queue":"other"}}`, all.header())
	for _, r := range f.scopedRoutes(t) {
		switch r.scope {
		case access.Open, access.AnyToken, access.Admin:
			continue
		}
		method := strings.Replace(r.method, "HEAD", "GET", 1)
		requests, known := foreignRequests[method+" "+r.template]
		if !known {
			t.Errorf("%s %s: say in foreignRequests what a bound token must not get of it", r.method, r.template)
		}
		for _, q := range requests {
			got := f.do(r.method, r.target+q.query, q.body, bound.header())
			if got.status != 403 || strings.Contains(got.body, "secret") || r.method != "HEAD" && !strings.Contains(got.body, string(api.Forbidden)) {
				t.Errorf("%s %s%s %s: got %d %s, want 403", r.method, r.target, q.query, q.body, got.status, got.body)
			}
		}
	}
	if got := f.must("GET", "/keys?prefix=mine", "", bound.header()); got.body != "[]" {
		t.Errorf("its own keys are %s, want none", got.body)
	}
	if got := f.must("GET", "/keys/count", "", all.header()); got.body != `{"count":1}` {
		t.Errorf("there are %s entries, want the one that there was", got.body)
	}
}

func TestAMessageOfAnotherQueueIsNotThereForABoundToken(t *testing.T) {
	t.Parallel()
	all := newBearer("all", access.Scopes)
	bound := newBearer("bound", []access.Scope{access.Queue}, boundToQueues("mine"))
	f, _ := mustServeTo(t, all, bound)
	const unknown = "01890000-0000-7000-8000-000000000000"
	message := func() *api.Message {
		f.must("POST", "/queue/enqueue", `{"value":"a secret","options":{"queue":"other","maxAttempts":1}}`, all.header())
		return decode[api.DequeueResult](t, f.must("GET", "/queue/dequeue?queue=other", "", all.header())).Message
	}
	held, dead := message(), message()
	f.must("POST", "/queue/nack/"+dead.ID, `{"receipt":"`+dead.Receipt+`"}`, all.header())
	letter := decode[[]api.DeadLetter](t, f.must("GET", "/queue/dlq?queue=other", "", all.header()))[0]
	before := f.must("GET", "/queue/stats", "", all.header()).body
	for _, c := range []struct{ method, target, id, body string }{
		{"POST", "/queue/ack/%s", held.ID, ""},
		{"POST", "/queue/ack/%s", held.ID, `{"receipt":"` + held.Receipt + `"}`},
		{"POST", "/queue/nack/%s", held.ID, ""},
		{"POST", "/queue/nack/%s", held.ID, `{"receipt":"` + held.Receipt + `"}`},
		{"POST", "/queue/extend/%s", held.ID, `{"receipt":"` + held.Receipt + `"}`},
		{"DELETE", "/queue/messages/%s", held.ID, ""},
		{"DELETE", "/queue/messages/%s?state=processing", held.ID, ""},
		{"GET", "/queue/dlq/%s", letter.ID, ""},
		{"POST", "/queue/dlq/%s/requeue", letter.ID, ""},
		{"DELETE", "/queue/dlq/%s", letter.ID, ""},
	} {
		got := f.do(c.method, fmt.Sprintf(c.target, c.id), c.body, bound.header())
		want := f.do(c.method, fmt.Sprintf(c.target, unknown), c.body, bound.header())
		if got.status != want.status || got.body != want.body || strings.Contains(got.body, "secret") {
			t.Errorf("%s %s %s: got %d %s, want what an unknown id gets, %d %s", c.method, c.target, c.body, got.status, got.body, want.status, want.body)
		}
	}
	if after := f.must("GET", "/queue/stats", "", all.header()).body; after != before {
		t.Errorf("the queues are %s, were %s", after, before)
	}
	if got := f.must("GET", "/queue/stats", "", bound.header()).body; strings.Contains(got, "other") || !strings.Contains(got, `"total":0`) {
		t.Errorf("the bound token's figures are %s, want none of another queue", got)
	}
	f.must("POST", "/queue/ack/"+held.ID, `{"receipt":"`+held.Receipt+`"}`, all.header())
}

func TestATransactionThatReadsNeedsTheScopeOfReading(t *testing.T) {
	t.Parallel()
	writer := newBearer("writer", []access.Scope{access.Write})
	f, _ := mustServeTo(t, writer)
	f.must("POST", "/transaction", `{"mutations":[{"type":"set","key":["a"],"value":1}]}`, writer.header())
	if got := f.do("POST", "/transaction", `{"reads":[{"key":["a"]}]}`, writer.header()); got.status != 403 || !strings.Contains(got.body, "scope read") {
		t.Errorf("got %d %s, want 403 that names read", got.status, got.body)
	}
	if got := f.do("POST", "/atomic", `{"enqueue":[{"value":1}]}`, writer.header()); got.status != 403 || !strings.Contains(got.body, "scope queue") {
		t.Errorf("got %d %s, want 403 that names queue", got.status, got.body)
	}
	mailer := newBearer("mailer", []access.Scope{access.Queue})
	g, _ := mustServeTo(t, mailer)
	if got := g.do("POST", "/queue/enqueue", `{"value":1,"options":{"keysIfUndelivered":[["a"]]}}`, mailer.header()); got.status != 403 || !strings.Contains(got.body, "scope write") {
		t.Errorf("got %d %s, want 403 that names write", got.status, got.body)
	}
}

func TestTwoCallersHaveTheirOwnIdempotencyKeys(t *testing.T) {
	t.Parallel()
	a, b := newBearer("a", []access.Scope{access.Write}), newBearer("b", []access.Scope{access.Write})
	f, _ := mustServeTo(t, a, b)
	f.must("PUT", "/keys/x", "1", a.header(), "Idempotency-Key: one")
	if got := f.must("PUT", "/keys/x", "2", b.header(), "Idempotency-Key: one"); got.header.Get("Idempotency-Replayed") != "" {
		t.Error("a caller got the answer of another")
	}
	if got := f.must("PUT", "/keys/x", "1", a.header(), "Idempotency-Key: one"); got.header.Get("Idempotency-Replayed") != "true" {
		t.Error("a repetition was not answered as the first")
	}
}

func TestStreamsAndPollsEndWithTheirToken(t *testing.T) {
	t.Parallel()
	stays := newBearer("stays", access.Scopes)
	ends := newBearer("ends", access.Scopes)
	for name, c := range map[string]struct {
		then func(a *access.Authority)
		// poll is how a poll ends: one that waits, or one that was still on its way.
		poll []api.Code
	}{
		"revoked": {func(a *access.Authority) { admit(a, stays) }, []api.Code{api.Unauthenticated}},
		"changed": {func(a *access.Authority) {
			less := ends
			less.Scopes = []access.Scope{access.Queue}
			admit(a, less, stays)
		}, []api.Code{api.Unauthenticated, api.Forbidden}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, authority := mustServeTo(t, stays, ends)
			targets := []string{"/watch?keys=a", "/watch/prefix?prefixes=a", "/queue/listen?queue=q", "/watch/poll?keys=a&versionstamps=&wait=60000", "/queue/dequeue?wait=60000"}
			var ending []func() string
			for _, client := range []*http.Client{f.Client(), http2Client(t)} {
				for _, target := range targets {
					ending = append(ending, f.open(t, client, target, ends))
				}
			}
			goesOn := f.mustFollow("/watch?keys=b", stays)
			c.then(authority)
			for i, end := range ending {
				// A stream ends without a word, and so does a wait for messages, with none.
				got, target := end(), targets[i%len(targets)]
				if strings.HasPrefix(target, "/watch/poll") && !slices.ContainsFunc(c.poll, func(code api.Code) bool { return strings.Contains(got, string(code)) }) {
					t.Errorf("%s ended with %q, want one of %v", target, got, c.poll)
				}
			}
			f.must("PUT", "/keys/b", `"still here"`, stays.header())
			for goesOn.Scan() {
				if strings.Contains(goesOn.Text(), "still here") {
					return
				}
			}
			t.Errorf("the stream of the token that stays ended: %v", goesOn.Err())
		})
	}
}

// mustFollow is the lines of a stream.
func (f *fixture) mustFollow(target string, b bearer) *bufio.Scanner {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), "GET", f.URL+target, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	if b.secret != "" {
		req.Header.Set("Authorization", "Bearer "+b.secret)
	}
	answer, err := f.Client().Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = answer.Body.Close() })
	return bufio.NewScanner(answer.Body)
}

// open asks for what has no end of its own, and returns what waits for that and gives
// what was read.
func (f *fixture) open(t *testing.T, client *http.Client, target string, b bearer) func() string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", f.URL+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.secret)
	type result struct {
		body string
		err  error
	}
	ended := make(chan result, 1)
	begun := make(chan struct{})
	go func() {
		answer, err := client.Do(req)
		close(begun)
		if err != nil {
			ended <- result{err: err}
			return
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		ended <- result{body: string(body)}
	}()
	// A poll answers at its end: it may wait by then or be still on its way.
	if !strings.Contains(target, "wait=") {
		<-begun
	}
	return func() string {
		r := <-ended
		if r.err != nil {
			t.Errorf("%s: %v", target, r.err)
		}
		return r.body
	}
}

func TestWhatIsDoneByARevokedTokenIsRefused(t *testing.T) {
	t.Parallel()
	b := newBearer("b", access.Scopes)
	f, authority := mustServeTo(t, b)
	f.must("PUT", "/keys/a", "1", b.header())
	admit(authority)
	if got := f.do("GET", "/keys/a", "", b.header()); got.status != 401 || !strings.Contains(got.body, "revoked") {
		t.Errorf("got %d %s, want 401", got.status, got.body)
	}
}

func TestScopesAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	if want := []access.Scope{"read", "write", "queue", "watch", "admin"}; !slices.Equal(access.Scopes, want) {
		t.Errorf("got %v, want %v", access.Scopes, want)
	}
}
