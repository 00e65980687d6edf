package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/buntime/keyval/internal/await"
)

// longHead is a request's head of so many bytes, without its end.
func longHead(target string, size int) string {
	return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nX-Long: " + strings.Repeat("x", size) + "\r\n"
}

func TestHeadsWithoutEndsTakeNoMoreMemoryThanTheyMay(t *testing.T) {
	t.Parallel()
	f, registry := mustServeLimited(t, 100, 100, io.Discard)
	refused := func() float64 { return metric(t, registry, "keyval_http_connections_refused_total") }
	var held []net.Conn
	for range 10 { // of 30,000 bytes, all but 8 KiB of which are counted, six have room
		held = append(held, f.mustSend(longHead("/keys/count", 30_000)))
	}
	await.That(t, "those beyond are refused", func() bool { return refused() == 4 })
	told := 0
	for _, conn := range held {
		_, _ = io.WriteString(conn, "\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			continue // the answer has been lost with the connection
		}
		if answer.StatusCode == http.StatusOK {
			told++
		} else if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
			t.Errorf("got %s, want 200 or 503 with Retry-After", answer.Status)
		}
	}
	if told != 6 {
		t.Errorf("%d of those that were not refused are answered, want 6", told)
	}
	f.must("GET", "/keys/count", "")
}

func TestALongHeadTakesRoomOnlyUntilItsRequestIsOver(t *testing.T) {
	t.Parallel()
	f, registry := mustServeLimited(t, 100, 100, io.Discard)
	conn := f.mustDial()
	answers := bufio.NewReader(conn)
	for range 20 { // one after the other on one connection
		_, _ = io.WriteString(conn, longHead("/keys/count", 60_000)+"\r\n")
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
	}
	for range 20 { // streams, which go on
		stream := f.mustSend(longHead("/watch?keys=a", 60_000) + "\r\n")
		if answer, err := http.ReadResponse(bufio.NewReader(stream), nil); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("got %v and %v, want a stream", answer, err)
		}
		_, _ = io.WriteString(stream, strings.Repeat("x", 200_000)) // what nobody asked for counts nowhere
	}
	for range 4 { // and those that give up
		before := metric(t, registry, "keyval_http_connections")
		_ = f.mustSend(longHead("/keys/count", 60_000)).Close()
		await.That(t, "it has gone", func() bool { return metric(t, registry, "keyval_http_connections") <= before })
	}
	body := `"` + strings.Repeat("x", 500_000) + `"`
	f.must("PUT", "/keys/a", body) // a body is none
	answer, err := http2Client(t).Post(f.URL+"/keys/batch", "application/json", strings.NewReader(fmt.Sprintf(`{"keys":[["a"]]%s}`, strings.Repeat(" ", 500_000))))
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("over HTTP/2: got %v and %v", answer, err)
	} else {
		_ = answer.Body.Close()
	}
	if n := metric(t, registry, "keyval_http_connections_refused_total"); n != 0 {
		t.Errorf("%v connections were refused", n)
	}
}
