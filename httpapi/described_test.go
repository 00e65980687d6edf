package httpapi

import (
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/keys"
)

func TestEveryRouteIsDescribed(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Store: struct{ keys.Store }{}, OperationTimeout: time.Second, MaxValueBytes: 1 << 10, BasePath: "/base"})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range s.table {
		name := r.Method + " " + r.Name()
		id := r.Op + "/" + r.Alias
		switch {
		case r.Summary == "", r.Tag == nil, r.Scope == "", r.Op == "", r.Serve == nil, len(r.Answers) == 0:
			t.Errorf("%s lacks a part of its description", name)
		case seen[id]:
			t.Errorf("%s has the operation id of another route, %s", name, id)
		}
		seen[id] = true
	}
}
