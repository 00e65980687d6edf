package access

import (
	"context"
	"encoding/base64"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// newTickets are tickets of an authority over a memory that all of them share.
func newTickets(a *Authority) *Tickets {
	var used sync.Map
	return &Tickets{
		Signer: newSigner(a),
		Use: func(_ context.Context, id string) (bool, error) {
			_, before := used.LoadOrStore(id, true)
			return !before, nil
		},
	}
}

func newSigner(a *Authority) Signer {
	return Signer{
		Authority: a,
		Key:       func(context.Context) ([]byte, error) { return []byte("what the nodes have in common"), nil },
	}
}

func newToken(name string, scopes ...Scope) (Token, string) {
	t := Token{Name: name, Scopes: scopes}
	var secret string
	secret, t.ID, t.Hash = NewSecret()
	return t, secret
}

// issue makes a ticket of the only token of an authority.
func issue(t *testing.T, tickets *Tickets, name string) string {
	t.Helper()
	ticket, _, err := tickets.Issue(t.Context(), tickets.Authority.named(name))
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

func TestATicketStandsForItsTokenOnce(t *testing.T) {
	t.Parallel()
	a := new(Authority)
	token, _ := newToken("web", Watch)
	a.Admit([]Token{token})
	tickets := newTickets(a)
	ticket := issue(t, tickets, "web")
	g, err := tickets.Redeem(t.Context(), ticket)
	if err != nil || g.Name() != "web" || !g.Has(Watch) || g.Has(Read) {
		t.Errorf("got %v, %v, want what the token may", g, err)
	}
	if _, err := tickets.Redeem(t.Context(), ticket); !errors.Is(err, ErrOldTicket) {
		t.Errorf("the second time: got %v, want %v", err, ErrOldTicket)
	}
}

func TestATicketEndsAfterAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := new(Authority)
		token, _ := newToken("web", Watch)
		a.Admit([]Token{token})
		tickets := newTickets(a)
		late, inTime := issue(t, tickets, "web"), issue(t, tickets, "web")
		<-time.After(ticketLife - time.Millisecond)
		if _, err := tickets.Redeem(t.Context(), inTime); err != nil {
			t.Errorf("within its minute: %v", err)
		}
		<-time.After(time.Millisecond)
		if _, err := tickets.Redeem(t.Context(), late); !errors.Is(err, ErrOldTicket) {
			t.Errorf("after its minute: got %v, want %v", err, ErrOldTicket)
		}
	})
}

func TestATamperedTicketIsNone(t *testing.T) {
	t.Parallel()
	a := new(Authority)
	web, _ := newToken("web", Watch)
	root, _ := newToken("wec", Scopes...)
	a.Admit([]Token{web, root})
	tickets := newTickets(a)
	ticket := issue(t, tickets, "web")
	raw, err := base64.RawURLEncoding.DecodeString(ticket)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			if g, err := tickets.Redeem(t.Context(), base64.RawURLEncoding.EncodeToString(raw)); err == nil {
				t.Fatalf("with bit %d of byte %d turned it is taken for %s's", bit, i, g.Name())
			}
			raw[i] ^= 1 << bit
		}
	}
	for _, damaged := range []string{"", "AQ", ticket[:len(ticket)-1], ticket + "A", ticket + "=", string(make([]byte, 10_000))} {
		if _, err := tickets.Redeem(t.Context(), damaged); !errors.Is(err, ErrBadTicket) {
			t.Errorf("%.20q…: got %v, want %v", damaged, err, ErrBadTicket)
		}
	}
	if _, err := tickets.Redeem(t.Context(), ticket); err != nil {
		t.Errorf("as it was: %v", err)
	}
}

func TestATicketEndsWithItsToken(t *testing.T) {
	t.Parallel()
	a := new(Authority)
	token, _ := newToken("web", Watch)
	a.Admit([]Token{token})
	tickets := newTickets(a)
	revoked, renewed := issue(t, tickets, "web"), issue(t, tickets, "web")
	a.Admit(nil)
	if _, err := tickets.Redeem(t.Context(), revoked); !errors.Is(err, ErrUnauthenticated) {
		t.Errorf("of a revoked token: got %v", err)
	}
	// The same name with another secret is another token.
	again, _ := newToken("web", Watch)
	a.Admit([]Token{again})
	if _, err := tickets.Redeem(t.Context(), renewed); !errors.Is(err, ErrBadTicket) {
		t.Errorf("of a token that has got a new secret: got %v, want %v", err, ErrBadTicket)
	}
}

func TestWithoutTokensTicketsStandForEverybody(t *testing.T) {
	t.Parallel()
	tickets := newTickets(new(Authority))
	g, err := tickets.Redeem(t.Context(), issue(t, tickets, ""))
	if err != nil || g != Everything {
		t.Errorf("got %v, %v, want everything", g, err)
	}
}

func FuzzATicketIsNeverTakenThatWasNotIssued(f *testing.F) {
	a := new(Authority)
	token, _ := newToken("web", Watch)
	a.Admit([]Token{token})
	tickets := newTickets(a)
	issued, _, err := tickets.Issue(context.Background(), a.named("web"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(issued[1:])
	f.Add("AQAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, ticket string) {
		if ticket == issued {
			return
		}
		if _, err := tickets.Redeem(t.Context(), ticket); err == nil {
			t.Errorf("%q is taken", ticket)
		}
	})
}
