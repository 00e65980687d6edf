package access

import (
	"fmt"
	"math"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// A limit is one that requests are refused by: its name in metrics, and what a caller
// is told. Who asks too much is told so by too_many_requests; that the node has all that
// it can take is nobody's fault and unavailable.
type limit struct {
	name string
	code api.Code
	text string
}

var (
	addressRate   = &limit{"address_rate", api.TooManyRequests, "more requests come from this address than --rate-limit-per-address allows"}
	tokenRate     = &limit{"token_rate", api.TooManyRequests, "more requests come by this token than its own limit, or else --rate-limit-per-token, allows"}
	tokenRequests = &limit{"token_requests", api.TooManyRequests, "as many requests of this token are under way as its own limit, or else --max-requests-per-token, allows"}
	tokenStreams  = &limit{"token_streams", api.TooManyRequests, "as many streams and long polls of this token are open as its own limit, or else --max-streams-per-token, allows"}
	nodeRequests  = &limit{"node_requests", api.Unavailable, "as many requests are under way on this node as --max-requests allows"}
	nodeStreams   = &limit{"node_streams", api.Unavailable, "as many streams and long polls are open on this node as --max-streams allows"}
	nodeReserve   = &limit{"node_reserve", api.Unavailable, "as many requests of this kind are under way on this node as the reserve beside --max-requests allows"}

	limits = []*limit{addressRate, tokenRate, tokenRequests, tokenStreams, nodeRequests, nodeStreams, nodeReserve}
)

// Those that depend on nothing are made once.
var (
	errTokenRequests = &LimitError{limit: tokenRequests, Seconds: 1}
	errTokenStreams  = &LimitError{limit: tokenStreams, Seconds: 1}
	errNodeRequests  = &LimitError{limit: nodeRequests, Seconds: 1}
	errNodeStreams   = &LimitError{limit: nodeStreams, Seconds: 1}
	errReserve       = &LimitError{limit: nodeReserve, Seconds: 1}
)

// A LimitError refuses what is more than may be. Nothing has been done.
type LimitError struct {
	limit   *limit
	Seconds int // after which to ask again, at least 1
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("too many requests: %s; nothing was done, ask again after %d s", e.limit.text, e.Seconds)
}

// maxRetrySeconds bounds what a caller is told to wait.
const maxRetrySeconds = 3600

// tooFast is the refusal of what is allowed after a time.
func tooFast(l *limit, wait time.Duration) *LimitError {
	return &LimitError{limit: l, Seconds: int(min(max(math.Ceil(wait.Seconds()), 1), maxRetrySeconds))}
}
