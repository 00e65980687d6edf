package httpapi_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi"
	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/internal/await"
)

// audited are the records of the audit, by what was done, by whom, and what came of it.
func audited(t *testing.T, log *record) (all []string) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		var r struct{ Msg, Action, Token, Outcome, From, Method, Route string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Msg == "audit" {
			all = append(all, strings.Join([]string{r.Action, r.Token, r.Outcome, r.Method, r.Route}, " "))
		}
		if r.Msg == "audit" && !strings.HasPrefix(r.From, "127.0.0.1:") {
			t.Errorf("%q does not say from where", line)
		}
	}
	return all
}

func mustServeAudited(t *testing.T, bearers ...bearer) (*fixture, *record) {
	t.Helper()
	log, authority := new(record), new(access.Authority)
	admit(authority, bearers...)
	return mustServeEverything(t, func(c *httpapi.Config) {
		c.Authority, c.Logger = authority, slog.New(slog.NewJSONHandler(log, nil))
	}), log
}

func TestWhatAnOperatorDoesIsInTheAudit(t *testing.T) {
	t.Parallel()
	ops, app := newBearer("ops", access.Scopes), newBearer("app", []access.Scope{access.Read})
	f, log := mustServeAudited(t, ops, app)
	f.must("PUT", "/keys/a", `"not in the audit"`, ops.header())
	f.must("DELETE", "/keys?prefix=a", "", ops.header())
	f.must("DELETE", "/keys?all=true", "", ops.header())
	f.must("DELETE", "/queue/messages?queue=q", "", ops.header())
	f.must("DELETE", "/queue/dlq", "", ops.header())
	f.do("POST", "/queue/dlq/01890000-0000-7000-8000-000000000000/requeue", "", ops.header())
	f.do("DELETE", "/queue/dlq", "", app.header())
	f.do("GET", "/keys/a", "", "Authorization: Bearer guessed")
	want := []string{
		"delete ops ok DELETE /keys",
		"queue_purge ops ok DELETE /queue/messages",
		"dead_letter_delete ops ok DELETE /queue/dlq",
		"requeue ops not_found POST /queue/dlq/{id}/requeue",
		"refused app forbidden DELETE /queue/dlq",
		"refused  unauthenticated GET /keys/{key}",
	}
	await.That(t, "the audit has it all", func() bool { return len(audited(t, log)) >= len(want) }, log.String)
	if got := strings.Join(audited(t, log), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("the audit is\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	for _, secret := range []string{ops.secret, app.secret, "guessed", "not in the audit"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}

func TestWhoGuessesTokensDoesNotFillTheAudit(t *testing.T) {
	t.Parallel()
	f, log := mustServeAudited(t)
	const guesses = 300
	for range guesses {
		if got := f.do("GET", "/keys/a", "", "Authorization: Bearer guessed"); got.status != 401 {
			t.Fatalf("got %d, want 401", got.status)
		}
	}
	// At once 20, and one more in a second.
	if n := len(audited(t, log)); n < 20 || n > guesses/2 {
		t.Errorf("%d of %d refusals are in the audit", n, guesses)
	}
}
