package nodetest

import (
	"context"
	"fmt"
	"sync"
)

// faultKind is what happens when a Fault meets its request.
type faultKind int

const (
	noteRequest faultKind = iota
	cutRequest
	holdRequest
	duplicateRequest
	cutAnswer
	holdAnswer
)

// Fault is one thing that will go wrong, once, with one request and its answer.
// Its methods may be called by several goroutines at once.
type Fault struct {
	proxy   *FaultProxy
	kind    faultKind
	match   []byte
	after   int    // for cutAnswer: bytes of the answer that still pass
	request []byte // set when the request is met, before happened is closed

	happenOnce sync.Once
	happened   chan struct{}
	resumeOnce sync.Once
	resumed    chan struct{} // closed by Release and Drop
	dropped    bool          // by Drop; read only after resumed is closed
}

// NoteNextRequest changes nothing: it only tells when the next request that
// contains match arrived at the proxy, and what its bytes are.
func (p *FaultProxy) NoteNextRequest(match []byte) *Fault { return p.arm(noteRequest, match, 0) }

// CutNextRequest resets the connection when the next request that contains match
// has arrived at the proxy whole. The server sees nothing of it.
func (p *FaultProxy) CutNextRequest(match []byte) *Fault { return p.arm(cutRequest, match, 0) }

// HoldNextRequest holds the next request that contains match back, until
// [Fault.Release] forwards it or [Fault.Drop] resets the connection. It is
// forwarded even if the client has gone away meanwhile, and its connection to the
// server then stays open until the server answers: a request that arrives late.
func (p *FaultProxy) HoldNextRequest(match []byte) *Fault { return p.arm(holdRequest, match, 0) }

// DuplicateNextRequest sends the next request that contains match to the server
// twice, one after the other: first on a connection of the proxy's own, and when
// that is answered on the client's, which gets the second answer. It has happened
// when the first was answered.
func (p *FaultProxy) DuplicateNextRequest(match []byte) *Fault {
	return p.arm(duplicateRequest, match, 0)
}

// CutNextAnswer forwards the next request that contains match and resets the
// connection when its answer begins: the server has done what was asked, and the
// client cannot know.
func (p *FaultProxy) CutNextAnswer(match []byte) *Fault { return p.arm(cutAnswer, match, 0) }

// CutNextAnswerAfter is CutNextAnswer, but lets the first n bytes of the answer
// pass, headers included, and then closes the connection. If the answer is shorter,
// the connection's later answers count as well.
func (p *FaultProxy) CutNextAnswerAfter(match []byte, n int) *Fault {
	return p.arm(cutAnswer, match, n)
}

// HoldNextAnswer forwards the next request that contains match and holds its
// answer back when it begins, until [Fault.Release] lets it through or
// [Fault.Drop] resets the connection.
func (p *FaultProxy) HoldNextAnswer(match []byte) *Fault { return p.arm(holdAnswer, match, 0) }

// Happened returns a channel that is closed when the fault has happened: when the
// connection is cut, or the request or answer is held.
func (f *Fault) Happened() <-chan struct{} { return f.happened }

// Wait returns nil when the fault has happened and an error when ctx is over
// first; without a deadline it waits for at most 2 minutes.
func (f *Fault) Wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	select {
	case <-f.happened:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no request with %q met its fault: %w", f.match, context.Cause(ctx))
	}
}

// Request returns the bytes of the request, headers included, after the fault has
// happened; before that nil.
func (f *Fault) Request() []byte {
	select {
	case <-f.happened:
		return f.request
	default:
		return nil
	}
}

// Release lets what the fault holds go on. A fault that has not met its request
// is taken back: it will not happen.
func (f *Fault) Release() { f.resume(false) }

// Drop resets the connection whose request or answer the fault holds. A fault
// that has not met its request is taken back: it will not happen.
func (f *Fault) Drop() { f.resume(true) }

func (f *Fault) resume(drop bool) {
	f.proxy.forget(f)
	f.resumeOnce.Do(func() {
		f.dropped = drop
		close(f.resumed)
	})
}

// happen marks the fault as done.
func (f *Fault) happen() { f.happenOnce.Do(func() { close(f.happened) }) }

// hold marks the fault as done and waits until somebody decides; it returns
// whether the exchange goes on. It does not when ctx, the connection's, ends.
func (f *Fault) hold(ctx context.Context) bool {
	f.happen()
	select {
	case <-f.resumed:
		return !f.dropped
	case <-ctx.Done():
		return false
	}
}
