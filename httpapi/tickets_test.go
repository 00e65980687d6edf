package httpapi_test

import (
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
)

// mustServeTwice is two nodes on one database, with the same tokens.
func mustServeTwice(t *testing.T, bearers ...bearer) (a, b *fixture) {
	t.Helper()
	db := mustOpen(t, embedded(t))
	node := func() *fixture {
		authority := new(access.Authority)
		admit(authority, bearers...)
		return mustServeEverythingOn(t, db, func(c *httpapi.Config) { c.Authority, c.TicketKey = authority, db.TicketSecret })
	}
	return node(), node()
}

func (f *fixture) ticket(b bearer) string {
	f.t.Helper()
	answer := f.must("POST", "/ticket", "", b.header())
	if answer.header.Get("Cache-Control") != "no-store" {
		f.t.Error("a ticket may be kept by a proxy")
	}
	return decode[api.Ticket](f.t, answer).Ticket
}

func TestATicketIsGoodForOneStreamOnAnyNode(t *testing.T) {
	t.Parallel()
	web := newBearer("web", []access.Scope{access.Watch}, boundTo("mine"))
	a, b := mustServeTwice(t, web)
	ticket := a.ticket(web)
	stream := b.mustFollow("/watch?keys=mine/a&ticket="+ticket, bearer{})
	if !stream.Scan() {
		t.Fatalf("the other node does not take it: %v", stream.Err())
	}
	for name, f := range map[string]*fixture{"the node that has taken it": b, "the one that has issued it": a} {
		if got := f.do("GET", "/watch?keys=mine/a&ticket="+ticket, ""); got.status != 401 || !strings.Contains(got.body, "used") {
			t.Errorf("again on %s: got %d %s, want 401", name, got.status, got.body)
		}
	}
}

func TestATicketIsWorthNoMoreThanItsToken(t *testing.T) {
	t.Parallel()
	web := newBearer("web", []access.Scope{access.Watch}, boundTo("mine"))
	f, _ := mustServeTwice(t, web)
	for target, want := range map[string]int{
		"/watch?keys=other&ticket=":       403, // beyond its prefix
		"/queue/listen?ticket=":           403, // lacks the scope
		"/watch/poll?keys=mine&ticket=":   401, // tickets are for streams
		"/keys/mine?ticket=":              401,
		"/watch?keys=mine&ticket=x":       401,
		"/watch?keys=mine&since=1&ticket": 401,
	} {
		if got := f.do("GET", target+f.ticket(web), ""); got.status != want {
			t.Errorf("%s…: got %d %s, want %d", target, got.status, got.body, want)
		}
	}
	if got := f.do("POST", "/ticket", ""); got.status != 401 {
		t.Errorf("without a token there is a ticket: %d %s", got.status, got.body)
	}
}

func TestOfManyWhoRedeemATicketOneHasTheStream(t *testing.T) {
	t.Parallel()
	web := newBearer("web", []access.Scope{access.Watch})
	a, b := mustServeTwice(t, web)
	ticket := a.ticket(web)
	statuses := make(chan int)
	const many = 20
	for i := range many {
		f := []*fixture{a, b}[i%2]
		go func() {
			answer, err := f.Client().Get(f.URL + "/watch?keys=a&ticket=" + ticket)
			if err != nil {
				t.Error(err)
				statuses <- 0
				return
			}
			_ = answer.Body.Close()
			statuses <- answer.StatusCode
		}()
	}
	streams := 0
	for range many {
		switch status := <-statuses; status {
		case 200:
			streams++
		case 401:
		default:
			t.Errorf("got %d", status)
		}
	}
	if streams != 1 {
		t.Errorf("%d have a stream, want 1", streams)
	}
}
