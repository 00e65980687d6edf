package httpapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
)

// NewWaiting is what a node serves until its database is there: it is alive and not
// ready, and whatever else is asked of it is to be asked again. failing names the check
// that fails and why, for everybody to read.
func NewWaiting(basePath string, failing func() (check, why string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(api.HeaderRequestID, route.RequestID(r))
		path := strings.TrimPrefix(r.URL.Path, basePath)
		if path == "/healthz" {
			writeWaiting(w, http.StatusOK, []byte(`{"status":"ok"}`))
			return
		}
		message := "the node waits for its database; nothing was done"
		if path == "/readyz" {
			check, why := failing()
			message = "check " + check + " failed: " + why
			w.Header().Set("Cache-Control", "no-store")
		}
		w.Header().Set("Retry-After", route.RetryAfterSeconds)
		writeWaiting(w, api.Unavailable.Status(), route.AppendJSON(nil, api.ErrorBody{Code: api.Unavailable, Message: message}))
	})
}

func writeWaiting(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
