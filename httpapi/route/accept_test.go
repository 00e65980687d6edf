package route

import "testing"

func TestGzipIsAcceptedAsTheHeaderSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lines []string
		want  bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"gzip"}, true},
		{[]string{"GZIP"}, true},
		{[]string{"x-gzip"}, true},
		{[]string{"br;q=1, gzip;q=0.5"}, true},
		{[]string{"br", "gzip"}, true},
		{[]string{"gzip;q=0"}, false},
		{[]string{"gzip; q=0.000"}, false},
		{[]string{"gzip ; Q=0.1"}, true},
		{[]string{"gzip;q=x"}, false},
		{[]string{"*"}, true},
		{[]string{"*;q=0"}, false},
		{[]string{"*;q=0, gzip"}, true},
		{[]string{"*, gzip;q=0"}, false},
		{[]string{"identity, deflate, br, zstd"}, false},
	} {
		if got := acceptsGzip(c.lines); got != c.want {
			t.Errorf("%q: got %v, want %v", c.lines, got, c.want)
		}
	}
}
