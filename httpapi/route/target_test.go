package route

import (
	"bufio"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestThePathOfATargetIsReadAsItWasSent(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/keys/a%2Fb|c":                     "/keys/a%2Fb|c",
		"/keys/a?prefix=/b?c":               "/keys/a",
		"//keys//a/":                        "//keys//a/",
		"/keys/a/../b":                      "/keys/a/../b",
		"/keys/http://x/y":                  "/keys/http://x/y",
		"http://host:80/keys/a%2Fb|c?d=/":   "/keys/a%2Fb|c",
		"http://user:pw@[::1]:80/keys/%25":  "/keys/%25",
		"HTTP://host//keys":                 "//keys",
		"http://host":                       "/",
		"http://host?/keys":                 "/",
		"*":                                 "/",
		"mailto:a/b":                        "/",
		"x:///a":                            "/a",
		"x:/a://host/b":                     "/a://host/b",
		"https://host/keys/\xff\xc3%C3 \"^": "/keys/\xff\xc3%C3 \"^",
	} {
		if got := SentPath(&http.Request{RequestURI: target}); got != want {
			t.Errorf("SentPath of %q = %q, want %q", target, got, want)
		}
	}
}

// Whatever target net/http takes for a request's, its path is the one that
// net/http has decoded.
func FuzzSentPath(f *testing.F) {
	for _, seed := range []string{
		"/keys/a%2Fb|c", "/a?b", "//a//", "http://host/a%2Fb?c", "http://host", "x:/y", "x:///y", "x:/y://z/w", "*", "/%zz", "/\xff", "http://[::1]/a", "/a#b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n")))
		if err != nil {
			return
		}
		got, err := url.PathUnescape(SentPath(r))
		if err != nil {
			t.Fatalf("SentPath of %q = %q: %v", r.RequestURI, SentPath(r), err)
		}
		want := r.URL.Path
		if want == "" || want == "*" {
			want = "/"
		}
		if got != want {
			t.Fatalf("SentPath of %q = %q, want %q", r.RequestURI, got, want)
		}
	})
}
