package client_test

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

func TestTheTokenIsThatOfTheEnvironmentUnlessAnotherIsGiven(t *testing.T) {
	t.Setenv(client.TokenVariable, "from the environment\n") // as a file has it
	for _, test := range []struct {
		name string
		opts []client.Option
		want string
	}{
		{"none given", nil, "Bearer from the environment"},
		{"another", []client.Option{client.WithToken("another")}, "Bearer another"},
		{"none wanted", []client.Option{client.WithToken("")}, ""},
	} {
		c, n := startClient(t, test.opts...)
		if _, err := c.Count(t.Context(), api.CountRequest{}); err != nil {
			t.Fatal(err)
		}
		if got := n.seen()[0].Header.Get("Authorization"); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestTheTokenGoesNowhereElseWhenANodeRedirects(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			elsewhere.Add(1)
		}
	}))
	t.Cleanup(other.Close)
	node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(node.Close)
	for _, opts := range [][]client.Option{
		{client.WithToken("hush")},
		{client.WithToken("hush"), client.WithHTTPClient(new(http.Client))}, // which would follow
	} {
		c, err := client.New(node.URL, opts...)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Get(t.Context(), api.Key{"a"})
	}
	if got := elsewhere.Load(); got != 0 {
		t.Errorf("the token came along %d times", got)
	}
}
