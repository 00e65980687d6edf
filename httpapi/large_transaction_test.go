package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
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

// sqld takes 5 MB in one row and reads values slowly, so only a soak reads so much.
func TestSoakATransactionOverLargeEntriesCommitsOnceThoughItsAnswerIsLost(t *testing.T) {
	entries, bytes := 3, 400<<10 // more than is read under the write lock
	if nodetest.Soaking() {
		entries, bytes = 6, 1<<20
	}
	primary := nodetest.MustStartPrimary(t)
	f := mustServeOn(t, mustOpen(t, sqldb.Config{PrimaryURL: primary.HTTPURL()}))
	for i := range entries {
		mustPutLarge(t, primary, bytes, "large", float64(i))
	}
	network := &losesFirst{answers: map[string][]string{}}
	c, err := client.New(f.URL+basePath, client.WithHTTPClient(&http.Client{Transport: network}),
		client.WithRetry(client.RetryPolicy{MaxElapsed: 10 * time.Minute, AttemptTimeout: 5 * time.Minute}))
	if err != nil {
		t.Fatal(err)
	}

	runs := 0
	commit, err := c.RunTransaction(t.Context(), func(tx *client.Tx) error {
		runs++
		read, err := tx.List(api.Read{Prefix: api.Key{"large"}})
		tx.Sum(api.Key{"read"}, int64(len(read)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sum, err := c.Get(t.Context(), api.Key{"read"})
	if err != nil || string(sum.Value) != fmt.Sprint(entries) || sum.Versionstamp != commit.Versionstamp || runs != 1 {
		t.Errorf("the sum is %s at %s after %d runs, %v; want %d at %s after one", sum.Value, sum.Versionstamp, runs, err, entries, commit.Versionstamp)
	}
	for _, answers := range network.answers {
		if len(answers) != 2 || len(answers[0]) < entries*bytes || answers[0] != answers[1] {
			t.Errorf("%d answers, the first of %d bytes; want the same of %d twice", len(answers), len(answers[0]), entries*bytes)
		}
	}
	if len(network.answers) != 1 {
		t.Errorf("%d operations had an idempotency key, want the commit alone", len(network.answers))
	}
}

// mustPutLarge has the database make an entry, which is quicker than sending it.
func mustPutLarge(t *testing.T, primary *nodetest.Sqld, bytes int, parts ...any) {
	t.Helper()
	key, err := kv.NewKey(parts...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := primary.Query(t.Context(), fmt.Sprintf(`INSERT INTO kv_entries(key,value,versionstamp)
VALUES (x'%x',CAST('"'||hex(zeroblob(%d))||'"' AS BLOB),'00000000000000000000')`, string(key), bytes/2-1)); err != nil {
		t.Fatal(err)
	}
}
