package client_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

// node plays the wire contract of one node in memory, as far as the client's tests
// need it. What is done to an entry, a message or a stream is done under mu.
type node struct {
	mux *http.ServeMux

	mu         sync.Mutex
	sequence   uint64
	entries    map[kv.Key]api.Entry
	log        []change
	compacted  api.Versionstamp // positions before it are lost
	kept       map[string]keptAnswer
	messages   []*message
	enqueued   int // counts messages, for their ids
	letters    []api.DeadLetter
	changed    chan struct{} // closed and made anew by each commit
	streamEnds chan struct{} // closed and made anew to cut all streams
	faults     []spoiled
	requests   []*http.Request
}

// change is what one operation wrote.
type change struct {
	versionstamp api.Versionstamp
	keys         []kv.Key
}

// keptAnswer is the answer to a write with an idempotency key.
type keptAnswer struct {
	request string // that must be the same
	body    []byte
}

// fault spoils one request. It reports whether it has answered it.
type fault func(w http.ResponseWriter, r *http.Request, serve http.Handler) bool

// spoiled is a fault that waits for a request to a path with this prefix.
type spoiled struct {
	prefix string
	fault  fault
}

func newNode() *node {
	n := &node{
		mux:        http.NewServeMux(),
		entries:    map[kv.Key]api.Entry{},
		kept:       map[string]keptAnswer{},
		changed:    make(chan struct{}),
		streamEnds: make(chan struct{}),
	}
	n.route("POST /keys/batch", n.batch)
	n.route("POST /keys/list", n.list)
	n.route("POST /keys/paginate", n.paginate)
	n.route("POST /keys/count", n.count)
	n.route("POST /keys/delete-batch", n.deleteBatch)
	n.route("DELETE /keys", n.deletePrefix)
	n.route("GET /keys/", n.get)
	n.route("PUT /keys/", n.put)
	n.route("DELETE /keys/", n.deleteKey)
	n.route("POST /atomic", n.atomic)
	n.route("POST /transaction", n.transaction)
	n.queueRoutes()
	n.mux.HandleFunc("GET /watch", n.watch)
	n.mux.HandleFunc("GET /watch/prefix", n.watch)
	return n
}

// startNode serves a new node until the test ends and returns it with its URL.
func startNode(t testing.TB) (*node, string) {
	t.Helper()
	n := newNode()
	server := httptest.NewServer(n)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return n, server.URL
}

// spoil applies faults to the next requests, one each.
func (n *node) spoil(faults ...fault) { n.spoilPath("/", faults...) }

// spoilPath applies faults to the next requests to paths with this prefix.
func (n *node) spoilPath(prefix string, faults ...fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, f := range faults {
		n.faults = append(n.faults, spoiled{prefix, f})
	}
}

// seen returns the requests so far.
func (n *node) seen() []*http.Request {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.requests)
}

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	n.requests = append(n.requests, r)
	var spoil fault
	if i := slices.IndexFunc(n.faults, func(s spoiled) bool { return strings.HasPrefix(r.URL.Path, s.prefix) }); i >= 0 {
		spoil = n.faults[i].fault
		n.faults = slices.Delete(n.faults, i, i+1)
	}
	n.mu.Unlock()
	if spoil == nil || !spoil(w, r, n.mux) {
		n.mux.ServeHTTP(w, r)
	}
}

// handler answers a request under n.mu. What it returns is the body; it sets
// headers itself.
type handler func(w http.ResponseWriter, r *http.Request, body []byte) (any, error)

func (n *node) route(pattern string, handle handler) {
	n.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.answer(w, r, body, handle)
	})
}

func (n *node) answer(w http.ResponseWriter, r *http.Request, body []byte, handle handler) {
	w.Header().Set(api.HeaderRequestID, "request-1")
	if least := api.Versionstamp(r.Header.Get(api.HeaderMinVersionstamp)); least > n.position() {
		fail(w, &api.Error{Code: api.InvalidArgument, Reason: api.PositionAhead, Message: "newer than the primary", Status: 400})
		return
	}
	key := r.Header.Get(api.HeaderIdempotencyKey)
	request := r.Method + r.URL.String() + string(body)
	if kept, ok := n.kept[key]; ok && key != "" {
		if kept.request != request {
			fail(w, refuse(api.InvalidArgument, "the idempotency key is another request's"))
			return
		}
		w.Header().Set(api.HeaderIdempotencyReplayed, "true")
		_, _ = w.Write(kept.body)
		return
	}
	before := n.sequence
	result, err := handle(w, r, body)
	w.Header().Set(api.HeaderVersionstamp, string(n.position()))
	if err != nil {
		fail(w, err)
		return
	}
	out, err := marshal(result)
	if err != nil {
		fail(w, err)
		return
	}
	if key != "" && n.sequence > before {
		n.kept[key] = keptAnswer{request, out}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(out)
}

// marshal keeps values as they are: json.Marshal would escape <, > and &.
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return out.Bytes(), err
}

func refuse(code api.Code, message string) error {
	return &api.Error{Code: code, Message: message, Status: code.Status()}
}

func fail(w http.ResponseWriter, err error) {
	answer := &api.Error{Code: api.Internal, Message: err.Error(), Status: 500}
	errors.As(err, &answer)
	w.Header().Set("Content-Type", "application/json")
	if answer.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(answer.RetryAfter/time.Second)))
	}
	w.WriteHeader(answer.Status)
	_ = json.NewEncoder(w).Encode(api.ErrorBody{Message: answer.Message, Code: answer.Code, Reason: answer.Reason, Oldest: answer.Oldest, DeletedCount: answer.DeletedCount})
}

// decodeStrictly refuses members that the contract does not know.
func decodeStrictly(body []byte, out any) error {
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil {
		return refuse(api.InvalidArgument, err.Error())
	}
	return nil
}

func (n *node) position() api.Versionstamp {
	return api.Versionstamp(fmt.Sprintf("0000%012x0000", n.sequence))
}

// commit gives the next operation its versionstamp and tells everyone that waits.
func (n *node) commit(keys ...kv.Key) api.Versionstamp {
	n.sequence++
	if len(keys) > 0 {
		n.log = append(n.log, change{n.position(), keys})
	}
	close(n.changed)
	n.changed = make(chan struct{})
	return n.position()
}

// encoded makes the comparable form of a key from an answer or request.
func encoded(key api.Key) (kv.Key, error) {
	k, err := kv.NewKey(key...)
	if err != nil {
		return "", refuse(api.InvalidKey, err.Error())
	}
	return k, nil
}

func (n *node) entry(k kv.Key) api.Entry {
	if e, ok := n.entries[k]; ok {
		return e
	}
	parts, _ := k.Parts()
	return api.Entry{Key: parts}
}

func pathKey(r *http.Request) (kv.Key, error) {
	k, err := kv.ParseKeyPath(strings.TrimPrefix(r.URL.EscapedPath(), "/keys/"))
	if err != nil {
		return "", refuse(api.InvalidKey, err.Error())
	}
	return k, nil
}

func (n *node) get(w http.ResponseWriter, r *http.Request, _ []byte) (any, error) {
	k, err := pathKey(r)
	if err != nil {
		return nil, err
	}
	e := n.entry(k)
	if !e.Exists() {
		return nil, refuse(api.NotFound, "no such key")
	}
	w.Header().Set("ETag", `"`+string(e.Versionstamp)+`"`)
	return e, nil
}

func (n *node) put(_ http.ResponseWriter, r *http.Request, body []byte) (any, error) {
	k, err := pathKey(r)
	if err != nil {
		return nil, err
	}
	if !json.Valid(body) {
		return nil, refuse(api.InvalidJSON, "the body is not JSON")
	}
	if err := n.precondition(r, k); err != nil {
		return nil, err
	}
	e := n.entry(k)
	e.Value = slices.Clone(body)
	e.ExpiresAt, _ = strconv.ParseInt(r.URL.Query().Get("expireIn"), 10, 64)
	e.Versionstamp = n.commit(k)
	n.entries[k] = e
	return api.PutResult{OK: true, Versionstamp: e.Versionstamp}, nil
}

func (n *node) precondition(r *http.Request, k kv.Key) error {
	e := n.entry(k)
	match := r.Header.Get("If-Match")
	if match != "" && match != `"`+string(e.Versionstamp)+`"` || r.Header.Get("If-None-Match") == "*" && e.Exists() {
		return refuse(api.PreconditionFailed, "the entry is another one")
	}
	return nil
}

func (n *node) deleteKey(_ http.ResponseWriter, r *http.Request, body []byte) (any, error) {
	k, err := pathKey(r)
	if err != nil {
		return nil, err
	}
	if err := n.precondition(r, k); err != nil {
		return nil, err
	}
	query := r.URL.Query()
	return n.remove(func(other kv.Key) bool {
		return other == k || query.Has("children") && other.HasPrefix(k)
	}), nil
}

func (n *node) deletePrefix(_ http.ResponseWriter, r *http.Request, body []byte) (any, error) {
	query := r.URL.Query()
	if query.Get("prefix") == "" && query.Get("all") != "true" {
		return nil, refuse(api.InvalidArgument, "that would delete everything")
	}
	prefix, err := kv.ParsePrefixPath(query.Get("prefix"))
	if err != nil {
		return nil, refuse(api.InvalidKey, err.Error())
	}
	return n.remove(func(k kv.Key) bool { return k != prefix && k.HasPrefix(prefix) }), nil
}

func (n *node) deleteBatch(_ http.ResponseWriter, _ *http.Request, body []byte) (any, error) {
	var req api.DeleteKeysRequest
	if err := decodeStrictly(body, &req); err != nil {
		return nil, err
	}
	gone := map[kv.Key]bool{}
	for _, key := range req.Keys {
		k, err := encoded(key)
		if err != nil {
			return nil, err
		}
		gone[k] = req.Exact
	}
	return n.remove(func(k kv.Key) bool { return gone[k] }), nil
}

func (n *node) remove(match func(kv.Key) bool) api.DeleteResult {
	var keys []kv.Key
	for k := range n.entries {
		if match(k) {
			keys = append(keys, k)
			delete(n.entries, k)
		}
	}
	if len(keys) > 0 {
		n.commit(keys...)
	}
	return api.DeleteResult{Success: true, DeletedCount: int64(len(keys))}
}

func (n *node) batch(_ http.ResponseWriter, _ *http.Request, body []byte) (any, error) {
	var req api.BatchRequest
	if err := decodeStrictly(body, &req); err != nil {
		return nil, err
	}
	entries := make([]api.Entry, len(req.Keys))
	for i, key := range req.Keys {
		k, err := encoded(key)
		if err != nil {
			return nil, err
		}
		entries[i] = n.entry(k)
	}
	return entries, nil
}

// selected returns the keys of a range in order.
func (n *node) selected(prefix, start, end api.Key, reverse bool) ([]kv.Key, error) {
	var p, s, e kv.Key
	for _, bound := range []struct {
		key api.Key
		to  *kv.Key
	}{{prefix, &p}, {start, &s}, {end, &e}} {
		if len(bound.key) > 0 {
			k, err := encoded(bound.key)
			if err != nil {
				return nil, err
			}
			*bound.to = k
		}
	}
	var keys []kv.Key
	for k := range n.entries {
		if k != p && k.HasPrefix(p) && k >= s && (e == "" || k < e) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if reverse {
		slices.Reverse(keys)
	}
	return keys, nil
}

func (n *node) list(_ http.ResponseWriter, _ *http.Request, body []byte) (any, error) {
	var req api.ListRequest
	if err := decodeStrictly(body, &req); err != nil {
		return nil, err
	}
	entries, _, err := n.listed(req, 0)
	return entries, err
}

func (n *node) listed(req api.ListRequest, skip int) (entries []api.Entry, more bool, err error) {
	keys, err := n.selected(req.Prefix, req.Start, req.End, req.Reverse)
	if err != nil {
		return nil, false, err
	}
	limit := req.Limit
	if limit == 0 {
		limit = 100
	}
	entries = []api.Entry{}
	for i := skip; i < len(keys) && len(entries) < limit; i++ {
		entries = append(entries, n.entries[keys[i]])
	}
	return entries, skip+len(entries) < len(keys), nil
}

// paginate counts entries for a cursor: enough for a store that stands still.
func (n *node) paginate(_ http.ResponseWriter, _ *http.Request, body []byte) (any, error) {
	var req api.PaginateRequest
	if err := decodeStrictly(body, &req); err != nil {
		return nil, err
	}
	skip, _ := strconv.Atoi(req.Cursor)
	entries, more, err := n.listed(req.ListRequest, skip)
	page := api.Page{Entries: entries, HasMore: more}
	if more {
		cursor := strconv.Itoa(skip + len(entries))
		page.Cursor = &cursor
	}
	return page, err
}

func (n *node) count(_ http.ResponseWriter, _ *http.Request, body []byte) (any, error) {
	var req api.CountRequest
	if err := decodeStrictly(body, &req); err != nil {
		return nil, err
	}
	keys, err := n.selected(req.Prefix, req.Start, req.End, false)
	return api.CountResult{Count: int64(len(keys))}, err
}
