package httpapi_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/buntime/keyval/httpapi/access"
)

// As TestABoundTokenCannotTellWhatElseThereIs, by filters and searches: what they count and
// find, in which order, and whether there is an index at all.
func TestABoundTokenCannotTellByFiltersAndSearchesWhatElseThereIs(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	bound := newBearer("bound", []access.Scope{access.Read, access.Write}, boundTo("mine"))
	w := twoWorlds{t: t, r: rand.New(rand.NewPCG(seed, 0)), bound: bound, all: newBearer("all", access.Scopes)}
	for i := range w.worlds {
		w.worlds[i], _ = mustServeTo(t, w.all, w.bound)
	}
	w.untilMuchIsShown(func() {
		switch w.r.IntN(6) {
		case 0:
			w.changeElsewhere()
		case 1:
			w.changeSearchElsewhere()
		default:
			w.ask(w.search())
		}
	})
}

// changeSearchElsewhere writes texts and makes or drops an index that the token is not to
// know of, which may hold its own entries as well. Each world does other things, but as many.
func (w *twoWorlds) changeSearchElsewhere() {
	for i, f := range w.worlds {
		switch w.r.IntN(3) {
		case 0:
			texts := w.pick("apple", "apple apple", "pear", "plum pear") + fmt.Sprintf(" secret%d", i)
			f.must("POST", "/atomic", fmt.Sprintf(`{"mutations":[{"type":"set","key":["other",%d],"value":{"text":%q}}]}`, w.r.IntN(50), texts), w.all.header())
		default:
			prefix := w.pick(`[]`, `["other"]`, `["min"]`)
			f.do("DELETE", "/indexes", `{"prefix":`+prefix+`}`, w.all.header())
			if i == 0 {
				f.must("POST", "/indexes", `{"prefix":`+prefix+`,"fields":["text"]}`, w.all.header())
			}
		}
	}
	w.level()
}

// level brings both worlds to the same position, which the token may know.
func (w *twoWorlds) level() {
	w.t.Helper()
	behind := func() *fixture {
		a, b := w.position(0), w.position(1)
		switch {
		case a < b:
			return w.worlds[0]
		case b < a:
			return w.worlds[1]
		}
		return nil
	}
	for f := behind(); f != nil; f = behind() {
		f.must("PUT", "/keys/other/level", "0", w.all.header())
	}
}

func (w *twoWorlds) position(world int) string {
	return w.worlds[world].must("GET", "/keys/count", "", w.all.header()).versionstamp()
}

// where is a filter, mostly of what there is.
func (w *twoWorlds) where() string {
	return w.pick(`{}`, `{"text":{"$contains":"apple"}}`, `{"text":{"$contains":"secret"}}`, `{"n":{"$gt":2}}`, `{"$not":{"n":1}}`, `{"text":{"$empty":true}}`, `{"text":{"$ne":"pear"}}`, `{"a":{"$none":1}}`)
}

func (w *twoWorlds) search() (method, target, body, headers string) {
	headers = "X-None: none"
	prefix := w.pick(`["mine"]`, `["mine"]`, `["mine"]`, `["mine","a1"]`, `["other"]`, `[]`, `["min"]`)
	query := w.pick("apple", "pear", "apple OR pear", "plum", "secret*", "apple NOT plum", `"`)
	switch w.r.IntN(10) {
	case 0, 1:
		text := w.pick("apple", "apple pear", "pear plum", "plum")
		return "POST", "/atomic", fmt.Sprintf(`{"mutations":[{"type":"set","key":%s,"value":{"text":%q,"n":%d}}]}`, w.key(), text, w.r.IntN(5)), headers
	case 2:
		return "POST", "/keys/list", `{"prefix":` + prefix + `,"where":` + w.where() + `,"limit":` + w.pick("1", "100") + `}`, headers
	case 3:
		return "POST", "/keys/paginate", `{"prefix":` + prefix + `,"where":` + w.where() + `,"limit":1,"cursor":` + w.pick("null", `"`+w.known(w.cursors, "x")+`"`) + `}`, headers
	case 4:
		return "POST", "/keys/count", `{"prefix":` + prefix + `,"where":` + w.where() + `}`, headers
	case 5:
		return "POST", "/keys/delete-batch", `{"keys":[` + prefix + `],"where":` + w.where() + `}`, headers
	case 6:
		return "POST", "/indexes", `{"prefix":` + prefix + `,"fields":[` + w.pick(`"text"`, `"text","n"`) + `]}`, headers
	case 7:
		if w.r.IntN(3) > 0 {
			return "GET", "/indexes", "", headers
		}
		return "DELETE", "/indexes", `{"prefix":` + prefix + `}`, headers
	default:
		return "POST", "/search", `{"prefix":` + prefix + `,"query":` + quoted(query) + `,"where":` + w.where() + `,"highlight":` + w.pick("true", "false") + `,"reverse":` + w.pick("true", "false") + `}`, headers
	}
}
