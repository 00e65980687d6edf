package httpapi_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/access"
)

// Two databases have the same below the prefix "mine" and in the queue "mine", and in all
// else are different. A token that is bound to these must not be able to tell them apart,
// whatever it asks: then it cannot have learnt anything.
func TestABoundTokenCannotTellWhatElseThereIs(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	bound := newBearer("bound", []access.Scope{access.Read, access.Write, access.Queue, access.Watch}, boundTo("mine"), boundToQueues("mine"))
	w := twoWorlds{t: t, r: rand.New(rand.NewPCG(seed, 0)), bound: bound, all: newBearer("all", access.Scopes)}
	for i := range w.worlds {
		w.worlds[i], _ = mustServeTo(t, w.all, w.bound)
	}
	w.untilMuchIsShown(func() {
		if w.r.IntN(3) == 0 {
			w.changeElsewhere()
			return
		}
		w.ask(w.request())
	})
}

type twoWorlds struct {
	t          *testing.T
	r          *rand.Rand
	worlds     [2]*fixture
	bound, all bearer
	fine       int
	// What answers have told, for later requests.
	cursors, stamps []string
}

// untilMuchIsShown repeats a step until so many requests have been carried out that equal
// answers mean something: a refusal shows little, and how many there are is a matter of the
// draw.
func (w *twoWorlds) untilMuchIsShown(step func()) {
	w.t.Helper()
	const much, most = 250, 5000
	for steps := 0; w.fine < much; steps++ {
		if steps == most {
			w.t.Fatalf("in %d steps only %d requests were carried out", steps, w.fine)
		}
		step()
	}
}

// changeElsewhere changes what the token must not know of, by one commit in each world
// and differently.
func (w *twoWorlds) changeElsewhere() {
	for i, f := range w.worlds {
		key := w.pick(`["other",%d]`, `["a%d"]`, `["z%d"]`, `["min%d"]`, `["mine\u0000",%d]`, `["minee",%d]`, `[true,%d]`)
		key = fmt.Sprintf(key, w.r.IntN(5))
		switch w.r.IntN(3) {
		case 0:
			f.must("POST", "/atomic", fmt.Sprintf(`{"mutations":[{"type":"set","key":%s,"value":"secret %d"}]}`, key, i), w.all.header())
		case 1:
			f.must("POST", "/atomic", fmt.Sprintf(`{"mutations":[{"type":"set","key":["x"],"value":1},{"type":"delete","key":%s}]}`, key), w.all.header())
		case 2:
			f.must("POST", "/queue/enqueue", fmt.Sprintf(`{"value":"secret %d","options":{"queue":"other","dedupeId":"%d%d"}}`, i, i, w.r.Uint64()), w.all.header())
		}
	}
}

// ask sends a request to both worlds.
func (w *twoWorlds) ask(method, target, body string, headers ...string) {
	headers = append(headers, w.bound.header())
	var answers [2]string
	for i, f := range w.worlds {
		r := f.do(method, target, body, headers...)
		answers[i] = fmt.Sprintf("%d %s %s %s %s %s", r.status, r.versionstamp(), r.header.Get("ETag"), r.header.Get("Idempotency-Replayed"), r.header.Get("Keyval-Cursor"), r.body)
		if i == 0 && r.status < 300 {
			w.fine++
			w.learn(r)
		}
	}
	// Ids are random and times go on; nothing else may differ.
	if a, b := unlike.ReplaceAllString(answers[0], "…"), unlike.ReplaceAllString(answers[1], "…"); a != b {
		w.t.Fatalf("%s %s %s: the answers are\n%s\n%s", method, target, body, a, b)
	}
	if strings.Contains(answers[0], "secret") {
		w.t.Fatalf("%s %s %s: got %s", method, target, body, answers[0])
	}
}

var unlike = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|\b1[0-9]{12}\b`)

func (w *twoWorlds) learn(r reply) {
	w.stamps = append(w.stamps, r.versionstamp())
	var told struct {
		Cursor       *string
		Versionstamp string
	}
	if json.Unmarshal([]byte(r.body), &told) == nil && told.Cursor != nil {
		w.cursors = append(w.cursors, *told.Cursor)
	}
}

func (w *twoWorlds) pick(from ...string) string { return from[w.r.IntN(len(from))] }

// known is something that an answer has told.
func (w *twoWorlds) known(from []string, otherwise string) string {
	if len(from) == 0 || w.r.IntN(8) == 0 {
		return otherwise
	}
	return from[max(0, len(from)-1-w.r.IntN(10))]
}

// The keys that are asked for: the token's own, mostly, in both forms.
func (w *twoWorlds) path() string {
	return fmt.Sprintf(w.pick("mine", "mine/a%[1]d", "mine/a%[1]d", "mine/~i:%[1]d", "mine/a%[1]d/b", "other/~i:%[1]d", "min%[1]d", "minee/~i:%[1]d", "mine%%00", "a%[1]d", "~k:Am1pbmUA_w", "~k:Am1pbmUAmQ", "~k:Am1pbmU"), w.r.IntN(4))
}

func (w *twoWorlds) key() string {
	return fmt.Sprintf(w.pick(`["mine"]`, `["mine","a%[1]d"]`, `["mine","a%[1]d"]`, `["mine",%[1]d]`, `["mine","a%[1]d","b"]`, `["other",%[1]d]`, `["mine\u0000",%[1]d]`, `["a%[1]d"]`, `["mine","a",{"__type":"commitVersionstamp"}]`, `{"__type":"key","value":"Am1pbmUA/w=="}`, `{"__type":"key","value":"Am1pbmUAmQ=="}`, `{"__type":"key","value":"Am1pbmU="}`), w.r.IntN(4))
}

func (w *twoWorlds) stamp() string { return w.known(w.stamps, "00000000000000000000") }

func (w *twoWorlds) request() (method, target, body string, headers string) {
	headers = "X-None: none"
	switch w.r.IntN(17) {
	case 0:
		return "GET", "/keys/" + w.path(), "", w.pick(headers, `If-None-Match: "`+w.stamp()+`"`)
	case 1:
		return "PUT", "/keys/" + w.path(), fmt.Sprint(w.r.IntN(100)), w.pick(headers, "If-None-Match: *", `If-Match: "`+w.stamp()+`"`, fmt.Sprintf("Idempotency-Key: %d", w.r.IntN(20)))
	case 2:
		return "DELETE", "/keys/" + w.path() + w.pick("", "?children=true"), "", headers
	case 3:
		return "GET", "/keys?limit=" + w.pick("1", "3", "100") + w.pick("", "&reverse=true") + w.pick("&prefix=", "&start=", "&end=") + w.path() + w.pick("", "&end="+w.path(), "&start="+w.path()), "", headers
	case 4:
		return "GET", "/keys/paginate?limit=1&prefix=" + w.path() + w.pick("", "&reverse=true") + w.pick("", "&cursor="+w.known(w.cursors, "x")), "", headers
	case 5:
		return "POST", "/keys/count", `{"prefix":` + w.key() + `}`, headers
	case 6:
		return "POST", "/keys/batch", `{"keys":[` + w.key() + `,` + w.key() + `]}`, headers
	case 7:
		return "DELETE", "/keys?" + w.pick("prefix="+w.path(), "all=true", "prefix="), "", headers
	case 8:
		return "POST", "/keys/delete-batch", `{"keys":[` + w.key() + `],"exact":` + w.pick("true", "false") + `}`, headers
	case 9:
		return "POST", "/atomic", `{"checks":[{"key":` + w.key() + `,"versionstamp":` + w.pick("null", `"`+w.stamp()+`"`) + `}],"mutations":[{"type":` + w.pick(`"set"`, `"sum"`) + `,"key":` + w.key() + `,"value":1}]}`, headers
	case 10:
		return "POST", "/transaction", `{"reads":[` + w.pick(`{"key":`+w.key()+`}`, `{"prefix":`+w.key()+`}`) + `],"snapshot":` + w.pick("null", `"`+w.stamp()+`"`) + `,"mutations":` + w.pick("[]", `[{"type":"set","key":`+w.key()+`,"value":2}]`) + `}`, headers
	case 11:
		return "GET", "/watch/poll?keys=" + w.path() + w.pick("", "&since="+w.stamp(), "&versionstamps="+w.stamp()), "", headers
	case 12:
		return "GET", "/watch/prefix/poll?prefix=" + w.path() + w.pick("", "&since="+w.stamp(), "&versionstamps="+w.path()+":"+w.stamp(), "&versionstamps="+w.stamp()), "", headers
	case 13:
		return "POST", "/queue/enqueue", `{"value":1,"options":{"queue":` + w.pick(`"mine"`, `"mine"`, `"other"`) + w.pick("", `,"keysIfUndelivered":[`+w.key()+`]`, `,"dedupeId":"1"`) + `,"maxAttempts":1}}`, headers
	case 14:
		return "GET", w.pick("/queue/dequeue?lock=43200000&queue=", "/queue/messages?queue=", "/queue/dlq?queue=", "/queue/stats?queue=") + w.pick("mine", "mine", "other"), "", headers
	case 15:
		return "GET", w.pick("/queue/stats", "/queue/dlq", "/queue/messages"), "", headers
	default:
		return "DELETE", "/queue/messages" + w.pick("?queue=mine", "", "?queue=other"), "", headers
	}
}
