package httpapi_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// A reader whose buffers are full must cost others nothing, and find everything
// when it goes on.
func TestAClientThatStopsReadingDisturbsNobodyAndGoesOn(t *testing.T) {
	t.Parallel()
	f := mustServeWatch(t)
	stuck, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	if err := stuck.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(stuck, "GET /watch/prefix?prefix=p&initial=false HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	quick := f.stream("/watch/prefix?prefix=p&initial=false")
	value := `"` + strings.Repeat("x", 800_000) + `"`
	// 9.6 MB: more than the sockets and the buffer hold, and no more than is
	// written before the node gives a reader up, on a slow machine too.
	const writes = 12
	for i := range writes {
		v := f.put(fmt.Sprintf("p/%d", i), value)
		if e := quick.next(); e.id != v {
			t.Fatalf("event %d: got %s, want %s", i, e.id, v)
		}
	}
	seen := 0
	reader := bufio.NewReaderSize(stuck, 1<<20)
	_ = stuck.SetReadDeadline(time.Now().Add(3 * time.Minute))
	for seen < writes {
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Fatalf("after %d events: %v", seen, err)
		}
		if strings.HasPrefix(line, "data: [{") {
			if want := fmt.Sprintf(`data: [{"key":["p",%d],`, seen); !strings.HasPrefix(line, want) {
				t.Fatalf("event %d begins with %.40s, want %s", seen, line, want)
			}
			seen++
		}
	}
}
