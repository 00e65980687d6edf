package httpapi_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"pgregory.net/rapid"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/node/nodetest"
)

// A way brings a request with this target, byte for byte, to a server.
type way func(method, target, body string, headers ...string) (reply, error)

// overHTTP1 sends the target after a prefix: none for the origin form, a server's
// URL for the absolute form.
func overHTTP1(address, prefix string) way {
	return func(method, target, body string, headers ...string) (reply, error) {
		conn, err := net.DialTimeout("tcp", address, time.Minute)
		if err != nil {
			return reply{}, err
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			return reply{}, err
		}
		headers = append(headers, "Host: localhost", "Connection: close", "Content-Length: "+strconv.Itoa(len(body)))
		if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\n%s\r\n\r\n%s", method, prefix+target, strings.Join(headers, "\r\n"), body); err != nil {
			return reply{}, err
		}
		return read(http.ReadResponse(bufio.NewReader(conn), nil))
	}
}

// overHTTP2 sends the target as :path, without TLS.
func overHTTP2(t *testing.T, address string) way {
	client := http2Client(t)
	client.Timeout = time.Minute
	return func(method, target, body string, headers ...string) (reply, error) {
		req, err := http.NewRequest(method, "http://"+address, strings.NewReader(body))
		if err != nil {
			return reply{}, err
		}
		// The transport cuts the scheme and the host off.
		req.URL.Opaque = "//" + address + target
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			req.Header.Set(name, value)
		}
		answer, err := client.Do(req)
		if err == nil && answer.ProtoMajor != 2 {
			err = fmt.Errorf("got %s, want HTTP/2", answer.Proto)
		}
		return read(answer, err)
	}
}

func read(answer *http.Response, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return reply{status: answer.StatusCode, header: answer.Header, body: string(text)}, err
}

// waysTo are all ways to the fixture that there are, through a real HAProxy too.
func waysTo(t *testing.T, f *fixture) map[string]way {
	t.Helper()
	proxy := nodetest.MustStartHAProxy(t, nodetest.HAProxyConfig{
		Listen: []string{"LISTEN"}, Env: []string{"SERVER=" + f.Listener.Addr().String()},
		Config: `
defaults
  mode http
  timeout connect 60s
  timeout client 60s
  timeout server 60s
listen keyval
  bind "${LISTEN}"
  server node "${SERVER}"
`,
	})
	direct, proxied := f.Listener.Addr().String(), proxy.Addr("LISTEN")
	return map[string]way{
		"HTTP/1":                    overHTTP1(direct, ""),
		"HTTP/1, absolute":          overHTTP1(direct, "http://localhost"),
		"HTTP/2":                    overHTTP2(t, direct),
		"HAProxy, HTTP/1":           overHTTP1(proxied, ""),
		"HAProxy, HTTP/1, absolute": overHTTP1(proxied, "http://localhost"),
		"HAProxy, HTTP/2":           overHTTP2(t, proxied),
	}
}

// A spelledKey is a key and one of its spellings in a URL.
type spelledKey struct {
	path string
	key  kv.Key // "" if a part is not UTF-8
	// strict spellings have only bytes that RFC 3986 allows.
	strict bool
}

// drawKey draws a key of any bytes, each escaped or raw as a lenient client might
// send it. Its first part is always d, which is no route.
func drawKey(t *rapid.T) spelledKey {
	k := spelledKey{path: "d", strict: true}
	parts := []any{"d"}
	valid := true
	for range rapid.IntRange(0, 4).Draw(t, "parts") {
		k.path += rapid.SampledFrom([]string{"/", "/", "//", "///"}).Draw(t, "separator")
		part := rapid.OneOf(
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 6), func(b []byte) string { return string(b) }),
			rapid.SampledFrom([]string{"", ".", "..", "/", "a/b|c", "%2F", "%", "é|", "\x00", ";", "?", "#", "a b", "\xc3", "\"^`{}<>\\", "42", "007", "count", "~s:x"}),
		).Draw(t, "part")
		typed := rapid.Bool().Draw(t, "typed")
		if typed {
			k.path += "~s:"
		}
		for i := range len(part) {
			k.spell(t, part[i], i == 0 && !typed)
		}
		valid = valid && utf8.ValidString(part)
		n, err := strconv.Atoi(part)
		switch {
		case typed:
			parts = append(parts, part)
		case part == "": // a doubled slash
		case err == nil && strconv.Itoa(n) == part:
			parts = append(parts, n)
		default:
			parts = append(parts, part)
		}
	}
	k.path += rapid.SampledFrom([]string{"", "/"}).Draw(t, "end")
	if valid {
		var err error
		if k.key, err = kv.NewKey(parts...); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

func (k *spelledKey) spell(t *rapid.T, c byte, first bool) {
	const separators, others = "/?#%", "-._~!$&'()*+,;=:@"
	alone := c > ' ' && c != 0x7f && !strings.ContainsRune(separators, rune(c))
	typed := first && c == '~'
	if !alone || typed || rapid.Bool().Draw(t, "escaped") {
		k.path += fmt.Sprintf(rapid.SampledFrom([]string{"%%%02x", "%%%02X"}).Draw(t, "case"), c)
		return
	}
	k.path += string([]byte{c})
	letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	k.strict = k.strict && (letter || strings.IndexByte(others, c) >= 0)
}

func TestTheKeyThatAPathNamesIsTheKeyThatIsUsed(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	ways := waysTo(t, f)
	rapid.Check(t, func(t *rapid.T) {
		k := drawKey(t)
		mount := rapid.SampledFrom([]string{"", basePath}).Draw(t, "mount")
		if k.key != "" {
			f.must("POST", "/atomic", fmt.Sprintf(`{"mutations":[{"type":"set","key":%s,"value":1}]}`, k.key))
		}
		for name, send := range ways {
			got, err := send("GET", mount+"/keys/"+k.path, "")
			switch {
			case err != nil:
				t.Fatalf("%s: %q: %v", name, k.path, err)
			case k.key != "" && got.status == 200 && strings.HasPrefix(got.body, `{"key":`+k.key.String()+`,"value":1,`):
			case k.key == "" && got.status == 400:
			case !k.strict && got.status == 400 && strings.HasPrefix(name, "HAProxy"):
			default:
				t.Fatalf("%s: %q: got %d %s, want the key %s", name, k.path, got.status, got.body, k.key)
			}
		}
	})
}

func TestAPathWithARawByteNeverNamesAnotherKey(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	all := `["d","a","b|c"]`
	for name, send := range waysTo(t, f) {
		f.must("DELETE", "/keys?all=true", "")
		f.must("POST", "/atomic", `{"mutations":[{"type":"set","key":`+all+`,"value":1},{"type":"set","key":["d","a","b|c","child"],"value":1}]}`)
		for _, method := range []string{"DELETE", "PUT", "GET"} {
			got, err := send(method, basePath+"/keys/d/a%2Fb|c", "2")
			if err != nil || got.status >= 500 {
				t.Errorf("%s: %s: got %d %s, %v", name, method, got.status, got.body, err)
			}
		}
		got := f.must("GET", "/keys?prefix=d/a", "").body
		if strings.Count(got, `"value":1`) != 2 || strings.Contains(got, `"value":2`) {
			t.Errorf("%s: the innocent keys are now %s", name, got)
		}
	}
}

func TestAnIdempotencyKeyKnowsAPathFromAnother(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	send := overHTTP1(f.Listener.Addr().String(), "")
	first, err := send("PUT", "/keys/d/a%2Fb|c", "1", "Idempotency-Key: one")
	if err != nil || first.status != 200 {
		t.Fatalf("got %d %s, %v", first.status, first.body, err)
	}
	again, err := send("PUT", "/keys/d/a%2Fb|c", "1", "Idempotency-Key: one")
	if err != nil || again.body != first.body {
		t.Errorf("the same again: got %d %s, %v, want %s", again.status, again.body, err, first.body)
	}
	other, err := send("PUT", "/keys/d/a/b|c", "1", "Idempotency-Key: one")
	if err != nil || other.status != 400 {
		t.Errorf("another key: got %d %s, %v, want 400", other.status, other.body, err)
	}
}

func TestSpellingsOfPaths(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.must("POST", "/atomic", `{"mutations":[
		{"type":"set","key":["count"],"value":"the key"},
		{"type":"set","key":["a","..","b"],"value":"dots"},
		{"type":"set","key":["a",".","b"],"value":"dot"},
		{"type":"set","key":["b"],"value":"not this"},
		{"type":"set","key":["\u0000"],"value":"zero"},
		{"type":"set","key":["a;b?c#d"],"value":"delimiters"}]}`)
	send := overHTTP1(f.Listener.Addr().String(), "")
	for _, c := range []struct {
		target string
		status int
		says   string
	}{
		{"/keys/count", 200, `{"count":`},
		{"/keys/%63ount", 200, `"the key"`},
		{"/keys/~s:count", 200, `"the key"`},
		{"//keys/b", 404, "route"},
		{"/keys//b", 200, `"not this"`},
		{"/%6beys/b", 404, "route"},
		{"/keys%2Fb", 404, "route"},
		{"/keys/a/../b", 200, `"dots"`},
		{"/keys/a/%2e%2E/b", 200, `"dots"`},
		{"/keys/a/./b", 200, `"dot"`},
		{"/keys/%00", 200, `"zero"`},
		{"/keys/a;b%3Fc%23d", 200, `"delimiters"`},
		{"/keys/a%3bb%3fc%23d", 200, `"delimiters"`},
		{"/keys/a#b", 400, "%23"},
		{"/keys?prefix=a#b", 400, "%23"},
		{"/keys/%ff", 400, "UTF-8"},
		{"/keys/\xff", 400, "UTF-8"},
		{"/keys/", 400, "no parts"},
		{"/keys/a b", 400, ""},
		{"/keys/%2", 400, ""},
		{basePath + "/keys/a/../b", 200, `"dots"`},
		{"/_%2Fplugin-keyval/keys/b", 404, "route"},
	} {
		got, err := send("GET", c.target, "")
		if err != nil || got.status != c.status || !strings.Contains(got.body, c.says) {
			t.Errorf("GET %s: got %d %s, %v, want %d, %q", c.target, got.status, got.body, err, c.status, c.says)
		}
	}
}

func TestLogsAndSpansHaveThePathAsItWasSentAndNoQuery(t *testing.T) {
	t.Parallel()
	var log record
	spans := tracetest.NewSpanRecorder()
	f := mustServe(t, func(c *httpapi.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		c.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	})
	f.store.failWith(errors.New("broken"))
	got, err := overHTTP1(f.Listener.Addr().String(), "")("GET", "/keys/d/a%2Fb|c?consistency=strong", "")
	if err != nil || got.status != 500 {
		t.Fatalf("got %d %s, %v, want 500", got.status, got.body, err)
	}
	if !strings.Contains(log.String(), "path=/keys/d/a%2Fb|c ") || strings.Contains(log.String(), "strong") {
		t.Errorf("the log is %s", log.String())
	}
	attributes := fmt.Sprint(spans.Ended()[0].Attributes())
	if !strings.Contains(attributes, "/keys/d/a%2Fb|c") || strings.Contains(attributes, "strong") {
		t.Errorf("the span has %s", attributes)
	}
}
