package httpapi_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/internal/await"
)

func (f *watchFixture) pollKeys(query string) api.WatchPollResult {
	f.t.Helper()
	return decode[api.WatchPollResult](f.t, f.must("GET", basePath+"/watch/poll?"+query, ""))
}

func (f *watchFixture) pollPrefix(query string) api.WatchPrefixPollResult {
	f.t.Helper()
	return decode[api.WatchPrefixPollResult](f.t, f.must("GET", basePath+"/watch/prefix/poll?"+query, ""))
}

// names are the paths of entries, with "-" before those that do not exist.
func names(t *testing.T, entries []api.Entry) string {
	t.Helper()
	var all []string
	for _, e := range entries {
		path, err := e.Key.Path()
		if err != nil {
			t.Fatal(err)
		}
		if e.Versionstamp == "" {
			path = "-" + path
		}
		all = append(all, path)
	}
	return strings.Join(all, " ")
}

func TestAPollOfKeysAnswersWithWhatTheClientDoesNotKnow(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	a := f.put("a", "1")
	first := f.pollKeys("keys=a,b,a")
	if got, want := names(t, first.Entries), "a a"; got != want {
		t.Errorf("first entries: got %q, want %q", got, want)
	}
	if got, want := strings.Join(first.Versionstamps, ","), a+",,"+a; got != want {
		t.Errorf("versionstamps: got %q, want %q", got, want)
	}
	known := "keys=a,b&versionstamps=" + a + ","
	if got := f.pollKeys(known); len(got.Entries) != 0 {
		t.Errorf("nothing has changed: got %v", got.Entries)
	}
	b := f.put("b", "2")
	f.must("DELETE", "/keys/a", "")
	second := f.pollKeys(known)
	if got, want := names(t, second.Entries), "-a b"; got != want {
		t.Errorf("changed entries: got %q, want %q", got, want)
	}
	if got, want := strings.Join(second.Versionstamps, ","), ","+b; got != want {
		t.Errorf("versionstamps: got %q, want %q", got, want)
	}
	if got := f.pollKeys("keys=a&versionstamps="); len(got.Entries) != 0 || len(got.Versionstamps) != 1 {
		t.Errorf("one missing key: got %+v, want no entries and one empty versionstamp", got)
	}
}

func TestAPollOfKeysAnswersWithWhatChangedAfterAPosition(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	f.put("a", "1")
	since := f.put("b", "1")
	f.must("DELETE", "/keys/a", "")
	f.put("c", "1")
	if got, want := names(t, f.pollKeys("keys=c,b,a&since="+since).Entries), "c -a"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAPollThatWaitsAnswersAsSoonAsSomethingChanges(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	for name, query := range map[string]string{
		"keys":                 "/watch/poll?wait=60000&keys=a&versionstamps=%s",
		"keys since":           "/watch/poll?wait=60000&keys=a&since=%s",
		"prefix":               "/watch/prefix/poll?wait=60000&prefix=a&versionstamps=%s",
		"prefix that is empty": "/watch/prefix/poll?wait=60000&prefix=b",
	} {
		known := f.put("a", "1")
		f.must("DELETE", "/keys/b", "")
		answer := make(chan string, 1)
		go func() { answer <- f.do("GET", strings.Replace(query, "%s", known, 1), "").body }()
		await.That(t, name+": the poll waits", func() bool {
			select {
			case got := <-answer:
				t.Fatalf("%s: answered before anything has changed: %s", name, got)
			default:
			}
			return f.hub.Streams() > 0
		})
		start := time.Now()
		f.must("POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":"changed"},{"type":"set","key":["b"],"value":"changed"}]}`)
		if got := <-answer; strings.Count(got, `"changed"`) != 1 {
			t.Errorf("%s: got %s, want the change", name, got)
		}
		if took := time.Since(start); took > 30*time.Second { // much less than the wait
			t.Errorf("%s: it took %v after the change", name, took)
		}
		await.That(t, name+": the poll has ended", func() bool { return f.hub.Streams() == 0 })
	}
}

func TestAPollThatWaitsInVainAnswersWithNothing(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	a := f.put("a", "1")
	got := f.pollKeys("wait=30&keys=a&versionstamps=" + a)
	if len(got.Entries) != 0 || got.Versionstamps[0] != a {
		t.Errorf("got %+v, want no entries and the versionstamp", got)
	}
	first := f.pollPrefix("wait=30&prefix=b")
	if len(first.Entries) != 0 || len(first.Versionstamps) != 20 {
		t.Errorf("got %+v, want no entries and a position", first)
	}
}

func TestAPollOfAPrefixGoesOnWhereTheLastOneWas(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	f.put("p/1", "1")
	f.put("p/2", "1")
	first := f.pollPrefix("prefixes=p,q")
	if got, want := names(t, first.Entries), "p/1 p/2"; got != want {
		t.Errorf("first: got %q, want %q", got, want)
	}
	f.put("q", "1")
	f.put("other", "1")
	f.must("DELETE", "/keys/p/1", "")
	second := f.pollPrefix("prefixes=p,q&versionstamps=" + first.Versionstamps)
	if got, want := names(t, second.Entries), "-p/1 q"; got != want {
		t.Errorf("second: got %q, want %q", got, want)
	}
	if third := f.pollPrefix("prefixes=p,q&versionstamps=" + second.Versionstamps); len(third.Entries) != 0 || third.Versionstamps < second.Versionstamps {
		t.Errorf("third: got %+v, want nothing and a position not before %s", third, second.Versionstamps)
	}
}

func TestAPollOfAPrefixTakesWhatTheOriginalServerGave(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	same := f.put("p/1", "1")
	f.put("p/2", "1")
	f.put("p/3/x", "1")
	known := "p/1:" + same + ",p/2:0190a1b2-c3d4,p/4:0190a1b2-c3d5"
	got := f.pollPrefix("prefix=p&versionstamps=" + url.QueryEscape(known))
	if got, want := names(t, got.Entries), "p/2 p/3/x -p/4"; got != want {
		t.Errorf("entries: got %q, want %q", got, want)
	}
	if len(got.Versionstamps) != 20 {
		t.Errorf("versionstamps: got %q, want a position", got.Versionstamps)
	}
}

func TestPollsAndTheStartOfAStreamTakeAMinimumAsReadsDo(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	at := f.put("a", "1")
	for _, target := range []string{
		"/watch?keys=a", "/watch?keys=a&initial=false", "/watch?keys=a&since=" + at,
		"/watch/prefix?prefix=a", "/watch/prefix?prefixes=a,b", "/watch/prefix?prefixes=a,b&initial=false",
		"/watch/poll?keys=a", "/watch/poll?keys=a&versionstamps=" + at, "/watch/poll?keys=a&since=" + at,
		"/watch/prefix/poll?prefix=a", "/watch/prefix/poll?prefixes=a,b", "/watch/prefix/poll?prefix=a&since=" + at,
		"/watch/prefix/poll?prefix=a&versionstamps=" + at, "/watch/prefix/poll?prefix=a&versionstamps=a:" + at,
	} {
		for minimum, want := range map[string]string{"12": "Keyval-Min-Versionstamp", "0000ffffffffffff0000": "newer"} {
			r := f.do("GET", target, "", "Keyval-Min-Versionstamp: "+minimum)
			e := decode[api.ErrorBody](t, r)
			if r.status != 400 || e.Code != api.InvalidArgument || !strings.Contains(e.Message, want) {
				t.Errorf("GET %s after %s: got %d %s, want 400 with %q", target, minimum, r.status, r.body, want)
			}
		}
		if strings.Contains(target, "poll") {
			f.must("GET", target, "", "Keyval-Min-Versionstamp: "+at)
		}
	}
}

func TestADeletionIsInThePollBehindIt(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	for range 50 {
		known := f.put("p/a", "1")
		f.must("DELETE", "/keys/p/a", "")
		if got, want := names(t, f.pollPrefix("prefix=p&versionstamps="+known).Entries), "-p/a"; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}
