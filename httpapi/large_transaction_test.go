package httpapi_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// losesFirst is a network that loses the first answer to each idempotency key.
type losesFirst struct {
	answers map[string][]string
}

func (l *losesFirst) RoundTrip(r *http.Request) (*http.Response, error) {
	key := r.Header.Get("Idempotency-Key")
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || key == "" {
		return answer, err
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil {
		return nil, err
	}
	l.answers[key] = append(l.answers[key], string(body))
	if len(l.answers[key]) == 1 {
		return nil, io.ErrUnexpectedEOF
	}
	answer.Body = io.NopCloser(strings.NewReader(string(body)))
	return answer, nil
}

func TestATransactionOverLargeEntriesCommitsOnceThoughItsAnswerIsLost(t *testing.T) {
	pair := nodetest.MustStartSqldPair(t)
	f := mustServeOn(t, sqldb.Config{PrimaryURL: pair.Primary.HTTPURL()})
	network := &losesFirst{answers: map[string][]string{}}
	c, err := client.New(f.URL+basePath, client.WithHTTPClient(&http.Client{Transport: network}))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		f.must("PUT", "/keys/large/"+strconv.Itoa(i), `"`+strings.Repeat("x", 1<<20-2)+`"`)
	}

	runs := 0
	commit, err := c.RunTransaction(t.Context(), func(tx *client.Tx) error {
		runs++
		entries, err := tx.List(api.Read{Prefix: api.Key{"large"}})
		tx.Sum(api.Key{"read"}, int64(len(entries)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sum, err := c.Get(t.Context(), api.Key{"read"})
	if err != nil || string(sum.Value) != "6" || sum.Versionstamp != commit.Versionstamp || runs != 1 {
		t.Errorf("the sum is %s at %s after %d runs, %v; want 6 at %s after one", sum.Value, sum.Versionstamp, runs, err, commit.Versionstamp)
	}
	for _, answers := range network.answers {
		if len(answers) != 2 || len(answers[0]) < 6<<20 || answers[0] != answers[1] {
			t.Errorf("%d answers, the first of %d bytes; want the same of 6 MiB twice", len(answers), len(answers[0]))
		}
	}
	if len(network.answers) != 1 {
		t.Errorf("%d operations had an idempotency key, want the commit alone", len(network.answers))
	}
}
