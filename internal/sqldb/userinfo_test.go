package sqldb_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
)

func TestTheUserOfAURLIsInNoErrorAndReachesTheServer(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"hush-user", "hush-user:hush-word", "hush%2Fuser:hush%40word"} {
		var mu sync.Mutex
		asked := map[string]bool{} // how somebody said who asks
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name, password, _ := r.BasicAuth()
			mu.Lock()
			defer mu.Unlock()
			asked[name+" "+password] = true
			panic(http.ErrAbortHandler)
		}))
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = silent.Close() // nobody is there
		for _, addr := range []string{server.Listener.Addr().String(), silent.Addr().String()} {
			db, err := sqldb.Open(t.Context(), sqldb.Config{PrimaryURL: "http://" + user + "@" + addr})
			if err == nil {
				_ = db.Close()
				t.Fatal("what is no libSQL server was opened")
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error tells the user: %v", err)
			}
			if !strings.Contains(err.Error(), addr) {
				t.Errorf("the error does not say where: %v", err)
			}
		}
		server.Close()
		want := map[string]string{
			"hush-user": "hush-user ", "hush-user:hush-word": "hush-user hush-word", "hush%2Fuser:hush%40word": "hush/user hush@word"}[user]
		if len(asked) != 1 || !asked[want] {
			t.Errorf("the server was asked by %v, want %q", asked, want)
		}
	}
}
