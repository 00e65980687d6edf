package access

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/buntime/keyval/internal/await"
)

func newDataTokens(a *Authority) *DataTokens { return &DataTokens{Signer: newSigner(a)} }

// mustIssue makes a data token of a token of an authority.
func mustIssue(t *testing.T, tokens *DataTokens, name string) string {
	t.Helper()
	token, _, err := tokens.Issue(t.Context(), tokens.Authority.named(name))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestADataTokenStandsForItsTokenOnEveryNodeForADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := new(Authority), new(Authority)
		token, secret := newToken("deno", Read)
		a.Admit([]Token{token})
		b.Admit([]Token{token})
		data := mustIssue(t, newDataTokens(a), "deno")
		for _, given := range []string{data, data, secret} {
			if g, err := newDataTokens(b).Redeem(t.Context(), bearing(given), ""); err != nil || g.Name() != "deno" || !g.Has(Read) || g.Has(Write) {
				t.Errorf("got %v, %v, want what the token may", g, err)
			}
		}
		await.Pass(24 * time.Hour)
		if _, err := newDataTokens(b).Redeem(t.Context(), bearing(data), ""); !errors.Is(err, ErrOldDataToken) {
			t.Errorf("a day later: got %v, want %v", err, ErrOldDataToken)
		}
	})
}

func TestADataTokenEndsWithItsToken(t *testing.T) {
	t.Parallel()
	a := new(Authority)
	token, _ := newToken("deno", Read)
	a.Admit([]Token{token})
	tokens := newDataTokens(a)
	data := mustIssue(t, tokens, "deno")
	again, _ := newToken("deno", Read) // of the same name, with another secret
	for name, now := range map[string][]Token{"another secret": {again}, "nothing": {}} {
		a.Admit(now)
		if _, err := tokens.Redeem(t.Context(), bearing(data), ""); !errors.Is(err, ErrBadDataToken) {
			t.Errorf("after %s: got %v, want %v", name, err, ErrBadDataToken)
		}
	}
}

func TestATicketIsNoDataTokenAndTheOtherWayRound(t *testing.T) {
	t.Parallel()
	a := new(Authority)
	token, _ := newToken("deno", Read)
	a.Admit([]Token{token})
	tickets, tokens := newTickets(a), newDataTokens(a)
	if _, err := tokens.Redeem(t.Context(), bearing(issue(t, tickets, "deno")), ""); !errors.Is(err, ErrBadDataToken) {
		t.Errorf("a ticket: got %v, want %v", err, ErrBadDataToken)
	}
	if _, err := tickets.Redeem(t.Context(), mustIssue(t, tokens, "deno")); !errors.Is(err, ErrBadTicket) {
		t.Errorf("a data token: got %v, want %v", err, ErrBadTicket)
	}
}

func TestAnyDataTokenWillDoWhereThereAreNoTokens(t *testing.T) {
	t.Parallel()
	open, closed := new(Authority), new(Authority)
	token, _ := newToken("deno", Read)
	closed.Admit([]Token{token})
	data := mustIssue(t, newDataTokens(open), "")
	for _, header := range []http.Header{bearing(data), bearing("anything"), bearing(""), {}} {
		if g, err := newDataTokens(open).Redeem(t.Context(), header, ""); err != nil || g != Everything {
			t.Errorf("%v: got %v, %v, want everything", header, g, err)
		}
	}
	if _, err := newDataTokens(closed).Redeem(t.Context(), bearing(data), ""); !errors.Is(err, ErrBadDataToken) {
		t.Errorf("where there are some: got %v, want %v", err, ErrBadDataToken)
	}
}
