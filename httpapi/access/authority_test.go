package access

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func bearing(secret string) http.Header {
	return http.Header{"Authorization": {"Bearer " + secret}}
}

func TestATokenIsKnownByItsSecretAlone(t *testing.T) {
	t.Parallel()
	a := new(Authority)
	web, webSecret := newToken("web", Read)
	ops, opsSecret := newToken("ops", Admin)
	a.Admit([]Token{web, ops})
	for secret, name := range map[string]string{webSecret: "web", opsSecret: "ops"} {
		if g, err := a.Grant(bearing(secret), ""); err != nil || g.Name() != name {
			t.Errorf("got %v, %v, want %s", g, err, name)
		}
	}
	for _, secret := range []string{
		"", "keyval_", "keyval_" + web.ID + "_", webSecret[:len(webSecret)-1], webSecret + "A", "keyval_" + web.ID + opsSecret[len("keyval_"+ops.ID):], string(web.Hash[:]),
	} {
		if g, err := a.Grant(bearing(secret), ""); !errors.Is(err, ErrUnauthenticated) {
			t.Errorf("%q: got %v, %v, want nobody", secret, g, err)
		}
	}
	for _, header := range []http.Header{{}, {"Authorization": {webSecret}}, {"Authorization": {"Basic " + webSecret}}, {"Authorization": {"Bearer " + webSecret, "Bearer " + webSecret}}} {
		if _, err := a.Grant(header, ""); !errors.Is(err, ErrNoToken) {
			t.Errorf("%v: got %v, want %v", header, err, ErrNoToken)
		}
	}
}

func TestTheSchemeIsNotCaseSensitive(t *testing.T) {
	t.Parallel()
	a := new(Authority)
	web, secret := newToken("web", Read)
	a.Admit([]Token{web})
	if _, err := a.Grant(http.Header{"Authorization": {"bEARER  " + secret}}, ""); err != nil {
		t.Error(err)
	}
}

func TestACertificateStandsForTheTokenOfItsName(t *testing.T) {
	t.Parallel()
	a := new(Authority)
	a.Admit([]Token{{Name: "ci", Scopes: []Scope{Read}}})
	if g, err := a.Grant(http.Header{}, "ci"); err != nil || g.Name() != "ci" {
		t.Errorf("got %v, %v, want ci", g, err)
	}
	if _, err := a.Grant(http.Header{}, "other"); !errors.Is(err, ErrNoToken) {
		t.Errorf("another name: got %v", err)
	}
	// A token without a secret has none that is empty.
	if _, err := a.Grant(bearing("keyval__"), ""); !errors.Is(err, ErrUnknownToken) {
		t.Errorf("an empty id: got %v", err)
	}
}

func TestATokenEndsWhenItExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := new(Authority)
		web, secret := newToken("web", Read)
		web.Expires = time.Now().Add(time.Hour)
		a.Admit([]Token{web})
		g, err := a.Grant(bearing(secret), "")
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(30 * time.Minute)
		a.Admit([]Token{web}) // nothing has changed
		if g.Context().Err() != nil {
			t.Error("it ended before its time")
		}
		<-g.Context().Done()
		if cause := context.Cause(g.Context()); !errors.Is(cause, ErrExpired) || time.Now().Before(web.Expires) {
			t.Errorf("it ended at %v with %v", time.Now(), cause)
		}
		if _, err := a.Grant(bearing(secret), ""); !errors.Is(err, ErrExpired) {
			t.Errorf("got %v, want %v", err, ErrExpired)
		}
		a.Close()
	})
}

func TestOnlyTokensThatChangeEnd(t *testing.T) {
	t.Parallel()
	a := new(Authority)
	stays, _ := newToken("stays", Read)
	stays.Prefixes = []string{"p"}
	goes, _ := newToken("goes", Read)
	changes, _ := newToken("changes", Read)
	a.Admit([]Token{stays, goes, changes})
	before := map[string]*Grant{"stays": a.named("stays"), "goes": a.named("goes"), "changes": a.named("changes")}
	changes.Queues = []string{"q"}
	comes, _ := newToken("comes", Read)
	stays.Prefixes = []string{"p"} // another slice, the same bound
	added, gone, changed := a.Admit([]Token{changes, comes, stays})
	if len(added) != 1 || added[0] != "comes" || len(gone) != 1 || gone[0] != "goes" || len(changed) != 1 || changed[0] != "changes" {
		t.Errorf("added %v, gone %v, changed %v", added, gone, changed)
	}
	for name, ends := range map[string]bool{"stays": false, "goes": true, "changes": true} {
		if ended := before[name].Context().Err() != nil; ended != ends {
			t.Errorf("%s: ended is %v, want %v", name, ended, ends)
		}
	}
	if a.named("stays") != before["stays"] || a.named("changes") == before["changes"] {
		t.Error("who stays has the grant that it had, who has changed another")
	}
}

func TestAuthenticationAllocatesNothing(t *testing.T) {
	a := new(Authority)
	web, secret := newToken("web", Read)
	a.Admit([]Token{web})
	header := bearing(secret)
	if n := testing.AllocsPerRun(100, func() { _, _ = a.Grant(header, "") }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
