package route

import "testing"

func FuzzAcceptEncoding(f *testing.F) {
	for _, seed := range []string{"gzip", "gzip;q=0, *", "*;q=1e400", "br;q=0.5,, x-gzip ; Q = 1", "gzip;q=NaN", ";;"} {
		f.Add(seed, "")
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		if acceptsGzip([]string{first}) != acceptsGzip([]string{first, "identity"}) {
			t.Errorf("%q: naming identity changes what is said of gzip", first)
		}
		_ = acceptsGzip([]string{first, second})
	})
}
