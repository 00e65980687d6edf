package kvconnect

import (
	"net/http"

	"github.com/buntime/keyval/httpapi/api"
)

// statusOf is 503 where it helps to send the same request again: clients do that after
// any 5xx, and Deno without end. Everything else is for the program to see, a 4xx; but
// for what must be a bug, which may also be over the next time.
func statusOf(code api.Code) int {
	switch code {
	case api.TooManyRequests, api.Unavailable, api.Timeout, api.CommitUnknown, api.StorageFull:
		return http.StatusServiceUnavailable
	}
	return code.Status()
}
