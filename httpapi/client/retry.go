package client

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/buntime/keyval/httpapi/api"
)

// RetryPolicy says how often and for how long a request is repeated. What may be
// repeated at all is not a matter of policy: see the package comment.
type RetryPolicy struct {
	// MaxAttempts counts the first one too; 0 means 5, 1 means no repetition.
	MaxAttempts int
	// MaxElapsed is the time from the first attempt within which the last one
	// must begin; 0 means 30 s. The context's deadline applies as well.
	MaxElapsed time.Duration
	// MinDelay and MaxDelay bound the delay: before attempt n+1 it is a random
	// time up to MinDelay·2ⁿ⁻¹, but no more than MaxDelay ("full jitter"), and
	// never less than the server's Retry-After. 0 means 50 ms and 2 s.
	MinDelay, MaxDelay time.Duration
	// AttemptTimeout bounds one attempt, apart from a wait that it asks the node
	// for; 0 means 60 s. It should be longer than the nodes' operation timeout,
	// whose answer says what became of the request.
	AttemptTimeout time.Duration
}

func (p RetryPolicy) withDefaults() RetryPolicy {
	if p.MaxAttempts == 0 {
		p.MaxAttempts = 5
	}
	if p.MaxElapsed == 0 {
		p.MaxElapsed = 30 * time.Second
	}
	if p.MinDelay == 0 {
		p.MinDelay = 50 * time.Millisecond
	}
	if p.MaxDelay == 0 {
		p.MaxDelay = max(2*time.Second, p.MinDelay)
	}
	if p.AttemptTimeout == 0 {
		p.AttemptTimeout = time.Minute
	}
	return p
}

// ceiling is the longest delay after the given number of failed attempts.
func (p RetryPolicy) ceiling(failed int) time.Duration {
	d := p.MinDelay
	for range failed - 1 {
		if d >= p.MaxDelay/2 {
			return p.MaxDelay
		}
		d *= 2
	}
	return min(d, p.MaxDelay)
}

// delay picks the time to wait after failed attempts. With a Retry-After the
// random part comes on top: clients that were refused together must not come
// back together.
func (p RetryPolicy) delay(failed int, retryAfter time.Duration) time.Duration {
	return retryAfter + rand.N(p.ceiling(failed)+1)
}

// backoff counts the failures of one request.
type backoff struct {
	policy RetryPolicy
	start  time.Time
	failed int
}

// wait counts a failure and waits for the time of the next attempt. It reports
// false, at once, if there is none: attempts or time are used up, or ctx would
// end first.
func (b *backoff) wait(ctx context.Context, retryAfter time.Duration) bool {
	b.failed++
	if b.failed >= b.policy.MaxAttempts {
		return false
	}
	d := b.policy.delay(b.failed, retryAfter)
	if time.Since(b.start)+d > b.policy.MaxElapsed {
		return false
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return false
	}
	return sleep(ctx, d)
}

// waitForEver is wait for what has no last attempt: it ends with ctx only. floor
// is how long the delay's bound must be at least.
func (b *backoff) waitForEver(ctx context.Context, retryAfter, floor time.Duration) {
	b.failed++
	sleep(ctx, retryAfter+rand.N(max(b.policy.ceiling(b.failed), floor)+1))
}

// sleep reports whether it slept for all of d.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// outcome is what a failed request may have done.
type outcome int

const (
	// refused: the same request will be refused again.
	refused outcome = iota
	// notDone: the request was not carried out, another attempt may be.
	notDone
	// unknown: the request may have been carried out, its answer is lost.
	unknown
)

// outcomeOf tells what became of a request that ended in err. It does not look at
// the caller's context: that has to be asked first.
func outcomeOf(err error) outcome {
	var answer *api.Error
	var foreign *foreignError
	switch {
	case errors.As(err, &answer):
		return outcomeOfAnswer(answer)
	case errors.As(err, &foreign):
		return outcomeOfForeign(foreign)
	}
	var badCertificate *tls.CertificateVerificationError
	var malformed *malformedError
	if errors.As(err, &badCertificate) || errors.As(err, &malformed) {
		return refused
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return notDone
	}
	return unknown
}

func outcomeOfAnswer(e *api.Error) outcome {
	switch e.Code {
	case api.TooManyRequests, api.Unavailable:
		return notDone
	case api.CommitUnknown:
		return unknown
	}
	return refused
}

// outcomeOfForeign knows less: a proxy's 503 may mean that it had no node to ask,
// or that it has lost the one that it had asked.
func outcomeOfForeign(e *foreignError) outcome {
	switch e.status {
	case http.StatusTooManyRequests:
		return notDone
	case http.StatusRequestTimeout, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return unknown
	}
	return refused
}

// permanent reports whether err ends what otherwise goes on for ever, a watch or a
// worker: it says that something is wrong with the request. What is wrong with a
// node, a bug included, may be over soon.
func permanent(err error) bool {
	if outcomeOf(err) != refused {
		return false
	}
	var answer *api.Error
	var foreign *foreignError
	switch {
	case errors.As(err, &answer):
		return answer.Status < 500
	case errors.As(err, &foreign):
		return foreign.status < 500
	}
	return true
}

// parseRetryAfter reads both forms that HTTP knows; anything else is 0.
func parseRetryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
