package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi"
)

const friend = "https://app.example"

// fromElsewhere are what browsers say of requests of another origin's page.
var fromElsewhere = [][]string{
	{"Sec-Fetch-Site: cross-site"},
	{"Sec-Fetch-Site: same-site", "Origin: http://127.0.0.1:1"},
	{"Sec-Fetch-Site: cross-site", "Origin: null"},
	{"Origin: https://evil.example"},
	{"Origin: null"},
	{"Origin: " + friend + ".evil.example"},
}

func TestAPageOfAnotherOriginChangesAndTakesNothing(t *testing.T) {
	t.Parallel()
	for name, configure := range map[string]func(*httpapi.Config){
		"by default":          func(*httpapi.Config) {},
		"with another friend": func(c *httpapi.Config) { c.CORSOrigins = []string{"https://other.example", friend} },
	} {
		t.Run(name, func(t *testing.T) {
			f := mustServeEverything(t, configure)
			f.Client().Timeout = time.Minute // a stream that should have been refused
			f.must("PUT", "/keys/a", "1")
			f.must("POST", "/queue/enqueue", `{"value":1}`)
			before, waiting := f.everything(), f.must("GET", "/queue/stats", "").body
			for _, r := range f.routes(t) {
				for _, headers := range fromElsewhere {
					for _, base := range []string{"", basePath} {
						got := f.do(r.method, base+r.target, "{}", headers...)
						if forbidden := strings.Contains(got.body, "a page of another origin"); r.writes && (got.status != 403 || !forbidden) || !r.writes && got.status == 403 {
							t.Errorf("%s %s with %s: got %d %s", r.method, base+r.target, headers, got.status, got.body)
						}
					}
					if r.streams && !r.writes {
						break // one opened is enough
					}
				}
			}
			if after := f.everything(); after != before {
				t.Errorf("the entries were %s and are %s", before, after)
			}
			if after := f.must("GET", "/queue/stats", "").body; after != waiting {
				t.Errorf("the queues were %s and are %s", waiting, after)
			}
		})
	}
}

func TestAPageOfTheSameOriginAndOneThatIsAllowedMayWrite(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		allowed []string
		headers []string
	}{
		"the page itself":              {nil, []string{"Sec-Fetch-Site: same-origin", "Origin: http://localhost:1"}},
		"a user":                       {nil, []string{"Sec-Fetch-Site: none"}},
		"an old browser":               {nil, []string{"Origin: URL"}},
		"no browser":                   {nil, nil},
		"a friend":                     {[]string{"https://other.example", friend}, []string{"Sec-Fetch-Site: cross-site", "Origin: " + friend}},
		"a friend in an old browser":   {[]string{friend}, []string{"Origin: " + friend}},
		"anybody, if all are allowed":  {[]string{"*"}, []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}},
		"a plain GET of anybody":       {[]string{"*"}, []string{"Sec-Fetch-Site: cross-site"}},
		"a friend written differently": {[]string{"https://APP.example"}, []string{"Sec-Fetch-Site: cross-site", "Origin: " + friend}},
	} {
		t.Run(name, func(t *testing.T) {
			f := mustServeEverything(t, func(config *httpapi.Config) { config.CORSOrigins = c.allowed })
			headers := make([]string, len(c.headers))
			for i, h := range c.headers {
				headers[i] = strings.Replace(h, "URL", f.URL, 1)
			}
			f.must("PUT", "/keys/a", "1", headers...)
			f.must("GET", "/queue/dequeue", "", headers...)
		})
	}
}

func TestAPreflightNamesWhatAnAllowedPageMayDo(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t, func(c *httpapi.Config) { c.CORSOrigins = []string{friend, "https://other.example"} })
	const asked = "Access-Control-Request-Headers: content-type,idempotency-key,if-match,if-none-match,keyval-min-versionstamp,last-event-id,x-request-id"
	got := f.do("OPTIONS", "/keys/a", "", "Origin: "+friend, "Access-Control-Request-Method: PUT", asked)
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": friend, "Access-Control-Allow-Methods": "PUT", "Access-Control-Max-Age": "600", "Access-Control-Allow-Credentials": "",
	} {
		if has := got.header.Get(name); has != want {
			t.Errorf("preflight: %s: got %q, want %q", name, has, want)
		}
	}
	if !strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Idempotency-Key") {
		t.Errorf("preflight: got %v, want all headers allowed", got.header)
	}
	if got := f.do("OPTIONS", "/keys/a", "", "Origin: https://evil.example", "Access-Control-Request-Method: PUT"); got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight of another page: got %v", got.header)
	}
	answer := f.must("PUT", "/keys/a", "1", "Origin: "+friend)
	exposed := answer.header.Get("Access-Control-Expose-Headers")
	for _, name := range []string{"ETag", "Keyval-Versionstamp", "X-Request-Id", "Retry-After", "Idempotency-Replayed", "Keyval-Cursor"} {
		if !strings.Contains(exposed, http.CanonicalHeaderKey(name)) {
			t.Errorf("%s is not exposed: %s", name, exposed)
		}
	}
	// The page can read an error, too.
	if refused := f.do("PUT", "/keys/a", "{", "Origin: "+friend); refused.header.Get("Access-Control-Allow-Origin") != friend {
		t.Errorf("an error: got %v", refused.header)
	}
}

func TestANodeOnLoopbackKnowsItsNames(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t, func(c *httpapi.Config) {
		c.Loopback, c.AllowedHosts = true, []string{"KV.example", "192.0.2.1", "2001:db8::1"}
	})
	ask := func(host, target string) int {
		t.Helper()
		req, err := http.NewRequest("GET", f.URL+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		answer, err := f.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	for host, known := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST.": true, "app.localhost:3000": true,
		"127.0.0.1": true, "127.1.2.3:80": true, "[::1]": true, "[::1]:8080": true, "[::ffff:127.0.0.1]:1": true,
		"kv.example": true, "kv.EXAMPLE.:8080": true, "192.0.2.1:80": true, "[2001:db8::1]:80": true,
		"evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "evillocalhost": false,
		"127.0.0.1.evil.example": false, "0.0.0.0": false, "192.0.2.2": false, "[::]:8080": false, "a.kv.example": false,
	} {
		want := http.StatusMisdirectedRequest
		if known {
			want = http.StatusOK
		}
		for _, target := range []string{"/keys?limit=1", "/metrics", "/cluster", basePath + "/keys/count"} {
			if got := ask(host, target); got != want {
				t.Errorf("Host: %s, GET %s: got %d, want %d", host, target, got, want)
			}
		}
		// Probes have names of their own, and find nothing of anybody's here.
		for _, target := range []string{"/healthz", "/readyz", "/docs", "/openapi.json"} {
			if got := ask(host, target); got != 200 {
				t.Errorf("Host: %s, GET %s: got %d, want 200", host, target, got)
			}
		}
	}
}

func TestANodeOnOtherAddressesTakesEveryHost(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	req, err := http.NewRequest("GET", f.URL+"/keys?limit=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "kv.example"
	answer, err := f.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 200 {
		t.Errorf("got %d, want 200", answer.StatusCode)
	}
}
