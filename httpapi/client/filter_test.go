package client_test

import (
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

// answering answers one request and keeps it as a line: method, URL and body.
func answering(asked *[]string, status int, body string) fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		sent, _ := io.ReadAll(r.Body)
		line := r.Method + " " + r.URL.String()
		if len(sent) > 0 {
			line += " " + string(sent)
		}
		*asked = append(*asked, line)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
		return true
	}
}

var adults = api.Field("age").Gte(18)

func TestAFilterTravelsInThePOSTOfADelete(t *testing.T) {
	c, n := startClient(t)
	where := client.Where(adults)
	for want, do := range map[string]func() (int64, error){
		`POST /keys/delete-batch {"keys":[["a"]],"where":{"age":{"$gte":18}}}`: func() (int64, error) {
			return c.DeleteTree(testContext(t), api.Key{"a"}, where)
		},
		`POST /keys/delete-batch?prefix=a {"where":{"age":{"$gte":18}}}`: func() (int64, error) {
			return c.DeletePrefix(testContext(t), api.Key{"a"}, where)
		},
		`POST /keys/delete-batch {"keys":[["a"],["b"]],"exact":true,"where":{"age":{"$gte":18}}}`: func() (int64, error) {
			return c.DeleteMany(testContext(t), []api.Key{{"a"}, {"b"}}, where)
		},
		`POST /keys/delete-batch {"where":{"age":{"$gte":18}}}`: func() (int64, error) {
			return c.DeleteAll(testContext(t), where)
		},
	} {
		var asked []string
		n.spoil(answering(&asked, 200, `{"success":true,"deletedCount":7}`))
		if deleted := must(do())(t); deleted != 7 || !slices.Equal(asked, []string{want}) {
			t.Errorf("deleted %d by %q, want 7 by %s", deleted, asked, want)
		}
	}
}

func TestADeleteByAnEmptyFilterIsRefused(t *testing.T) {
	c, n := startClient(t)
	where := client.Where(api.Where{})
	for name, do := range map[string]func() (int64, error){
		"tree":   func() (int64, error) { return c.DeleteTree(testContext(t), api.Key{"a"}, where) },
		"prefix": func() (int64, error) { return c.DeletePrefix(testContext(t), api.Key{"a"}, where) },
		"many":   func() (int64, error) { return c.DeleteMany(testContext(t), []api.Key{{"a"}}, where) },
		"all":    func() (int64, error) { return c.DeleteAll(testContext(t), where) },
	} {
		if _, err := do(); err == nil {
			t.Errorf("%s: it was carried out", name)
		}
	}
	if seen := n.seen(); len(seen) != 0 {
		t.Errorf("%d requests, want none", len(seen))
	}
}

func TestAFilterTravelsInEveryRead(t *testing.T) {
	c, n := startClient(t)
	ctx := testContext(t)
	var asked []string
	n.spoil(answering(&asked, 200, `[]`), answering(&asked, 200, `{"count":3}`))
	must(c.List(ctx, api.ListRequest{Prefix: api.Key{"a"}, Where: adults}))(t)
	if got := must(c.Count(ctx, api.CountRequest{Where: adults}))(t); got != 3 {
		t.Errorf("counted %d, want 3", got)
	}
	want := []string{
		`POST /keys/list {"prefix":["a"],"where":{"age":{"$gte":18}}}`,
		`POST /keys/count {"where":{"age":{"$gte":18}}}`,
	}
	if !slices.Equal(asked, want) {
		t.Errorf("got %q, want %q", asked, want)
	}
}

func TestPaginateGoesOnAfterAPageWithoutMatches(t *testing.T) {
	c, n := startClient(t)
	var asked []string
	n.spoil(
		answering(&asked, 200, `{"entries":[],"cursor":"one","hasMore":true}`),
		answering(&asked, 200, `{"entries":[{"key":["a"],"value":1,"versionstamp":"00000000000000010000"}],"cursor":null,"hasMore":false}`),
	)
	var keys []string
	for entry, err := range c.Paginate(testContext(t), api.ListRequest{Where: adults, Limit: 5}) {
		keys = append(keys, must(entry.Key.Path())(t))
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		`POST /keys/paginate {"limit":5,"where":{"age":{"$gte":18}}}`,
		`POST /keys/paginate {"limit":5,"where":{"age":{"$gte":18}},"cursor":"one"}`,
	}
	if !slices.Equal(asked, want) || !slices.Equal(keys, []string{"a"}) {
		t.Errorf("got %q by %q, want a by %q", keys, asked, want)
	}
}

func TestAFilterThatIsNoneIsAnErrorAndNoRequest(t *testing.T) {
	c, n := startClient(t)
	where := api.Field("a").Eq(make(chan int))
	if _, err := c.List(testContext(t), api.ListRequest{Where: where}); err == nil {
		t.Error("it was listed")
	}
	if _, err := c.DeleteAll(testContext(t), client.Where(where)); err == nil {
		t.Error("it was deleted by")
	}
	if seen := n.seen(); len(seen) != 0 {
		t.Errorf("%d requests, want none", len(seen))
	}
}
