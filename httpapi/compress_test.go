package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi"
)

// raw sends a request without the client's own compression, and returns the answer with
// its body as it came.
func (f *fixture) raw(method, target, accept string) (*http.Response, []byte) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.URL+target, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept-Encoding", accept)
	}
	answer, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer, body
}

func gunzip(t *testing.T, body []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// fillForCompression makes a list of some 10 KiB that compresses well, and a value.
func (f *fixture) fillForCompression() {
	f.t.Helper()
	for i := range 100 {
		f.must("PUT", fmt.Sprintf("/keys/list/%d", i), `"`+strings.Repeat("word ", 10)+`"`)
	}
	f.must("PUT", "/keys/large", `"`+strings.Repeat("word ", 10_000)+`"`)
}

func TestALongAnswerIsCompressedForWhoAcceptsIt(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.fillForCompression()
	for _, target := range []string{"/keys?prefix=list", "/keys/paginate?prefix=list", "/openapi.json", "/docs"} {
		plain, want := f.raw("GET", target, "")
		zipped, body := f.raw("GET", target, "br, gzip")
		if plain.Header.Get("Content-Encoding") != "" || zipped.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: Content-Encoding is %q for all and %q for who accepts gzip", target, plain.Header.Get("Content-Encoding"), zipped.Header.Get("Content-Encoding"))
			continue
		}
		if got := gunzip(t, body); got != string(want) {
			t.Errorf("%s: unpacked it is another answer", target)
		}
		if len(body) > len(want)/2 || zipped.Header.Get("Content-Length") != strconv.Itoa(len(body)) {
			t.Errorf("%s: %d of %d bytes, Content-Length %s", target, len(body), len(want), zipped.Header.Get("Content-Length"))
		}
		for _, answer := range []*http.Response{plain, zipped} {
			if answer.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%s: Vary is %q, so that a cache would give one caller the other's answer", target, answer.Header.Get("Vary"))
			}
		}
		if target == "/docs" {
			continue // a page has no HEAD that renders
		}
		head, _ := f.raw("HEAD", target, "gzip")
		if got, want := head.Header.Get("Content-Length"), zipped.Header.Get("Content-Length"); got != want {
			t.Errorf("HEAD %s: Content-Length is %s, want %s as of GET", target, got, want)
		}
	}
}

func TestWhatIsNotWorthItIsNotCompressed(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.fillForCompression()
	var random strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&random, "%c", 'a'+rune((i*i*7919+i*104729)%26))
	}
	f.must("PUT", "/keys/random/1", `"`+random.String()+`"`)
	for name, target := range map[string]string{
		"a short answer": "/keys/count?prefix=list",
		"an answer with an ETag, which names its bytes": "/keys/large",
		"a missing key": "/keys/missing",
	} {
		answer, body := f.raw("GET", target, "gzip")
		if got := answer.Header.Get("Content-Encoding"); got != "" || answer.Header.Get("Content-Length") != strconv.Itoa(len(body)) {
			t.Errorf("%s: Content-Encoding is %q", name, got)
		}
	}
}

func TestCompressionCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	f := mustServe(t, func(c *httpapi.Config) { c.Compress = false })
	f.fillForCompression()
	for _, target := range []string{"/keys?prefix=list", "/metrics/prometheus"} {
		answer, _ := f.raw("GET", target, "gzip")
		if answer.Header.Get("Content-Encoding") != "" || strings.Contains(answer.Header.Get("Vary"), "Encoding") {
			t.Errorf("%s: got %v", target, answer.Header)
		}
	}
}

func TestAStreamIsNeverCompressed(t *testing.T) {
	t.Parallel()
	f := mustServeEverything(t)
	f.fillForCompression()
	req, err := http.NewRequestWithContext(t.Context(), "GET", f.URL+"/watch/prefix?prefix=list", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	answer, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("Content-Encoding"); got != "" {
		t.Errorf("Content-Encoding is %q", got)
	}
}
