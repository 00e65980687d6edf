package client_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

// watch serves both watch routes. It sends a ping after each round, so that tests
// need not wait 15 s for one.
func (n *node) watch(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	raw, below := query.Get("keys"), false
	if raw == "" {
		raw, below = query.Get("prefixes"), true
	}
	var keys []kv.Key
	for path := range strings.SplitSeq(raw, ",") {
		k, err := kv.ParseKeyPath(path)
		if err != nil {
			fail(w, refuse(api.InvalidKey, err.Error()))
			return
		}
		keys = append(keys, k)
	}
	s := &stream{n: n, w: w, keys: keys, below: below, limit: 100}
	if limit, err := strconv.Atoi(query.Get("limit")); err == nil {
		s.limit = limit
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	since := api.Versionstamp(r.Header.Get("Last-Event-ID"))
	if since != "" && since < n.compacted {
		fail(w, &api.Error{Code: api.PositionLost, Message: "older than the log", Status: 410, Oldest: n.compacted})
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set(api.HeaderVersionstamp, string(n.position()))
	s.write("retry: 10\n\n")
	if since == "" {
		since = n.position()
		if query.Get("initial") != "false" {
			s.initial()
		}
	}
	s.follow(r, since)
}

// stream is one connection of a watch. Its methods are called under n.mu.
type stream struct {
	n     *node
	w     http.ResponseWriter
	keys  []kv.Key
	below bool
	limit int
}

func (s *stream) watches(k kv.Key) bool {
	for _, key := range s.keys {
		if k == key || s.below && k.HasPrefix(key) {
			return true
		}
	}
	return false
}

func (s *stream) initial() {
	var entries []api.Entry
	if s.below {
		for k, e := range s.n.entries {
			if s.watches(k) && len(entries) < s.limit {
				entries = append(entries, e)
			}
		}
	} else {
		for _, k := range s.keys {
			entries = append(entries, s.n.entry(k))
		}
	}
	if len(entries) > 0 {
		s.change(s.n.position(), entries)
	}
}

// follow sends changes and waits for more until the request or the stream ends.
func (s *stream) follow(r *http.Request, since api.Versionstamp) {
	n := s.n
	ends := n.streamEnds
	for {
		for _, c := range n.log {
			if c.versionstamp > since {
				s.operation(c)
			}
		}
		since = n.position()
		s.write("event: ping\nid: %s\ndata:\n\n", since)
		changed := n.changed
		n.mu.Unlock()
		select {
		case <-changed:
		case <-ends:
		case <-r.Context().Done():
		}
		n.mu.Lock()
		if n.streamEnds != ends || r.Context().Err() != nil {
			return
		}
	}
}

// operation sends those keys of c that no later operation has changed.
func (s *stream) operation(c change) {
	var entries []api.Entry
	for _, k := range c.keys {
		if e := s.n.entry(k); s.watches(k) && e.Versionstamp <= c.versionstamp {
			entries = append(entries, e)
		}
	}
	if len(entries) > 0 {
		s.change(c.versionstamp, entries)
	}
}

func (s *stream) change(id api.Versionstamp, entries []api.Entry) {
	data, _ := json.Marshal(entries)
	s.write("event: change\nid: %s\ndata: %s\n\n", id, data)
}

func (s *stream) write(format string, args ...any) {
	_, _ = fmt.Fprintf(s.w, format, args...)
	_ = http.NewResponseController(s.w).Flush()
}

// cutStreams ends every watch, as a node that drains does.
func (n *node) cutStreams() {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.streamEnds)
	n.streamEnds = make(chan struct{})
}

// compact loses all positions before the present one.
func (n *node) compact() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.compacted = n.position()
	n.log = nil
}

// openStreams counts the watches of key that were begun.
func (n *node) openedStreams() int {
	opened := 0
	for _, r := range n.seen() {
		if strings.HasPrefix(r.URL.Path, "/watch") {
			opened++
		}
	}
	return opened
}
