package watch

import (
	"context"
	"fmt"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// A Request says what a stream watches and where it begins.
type Request struct {
	// Keys are exact keys, or with Prefixes everything at or below each.
	Keys     []kv.Key
	Prefixes bool
	// Since resumes after a position; "" begins with the present.
	Since kv.Versionstamp
	// Initial asks for the present state as the first event, unless the stream
	// is resumed. Of exact keys it has all, missing ones included; of prefixes
	// there is no such event if there are no entries.
	Initial bool
	// Limit bounds the entries of the initial state of prefixes.
	Limit int
	// Read says how fresh that state must be; without it, how far back from the
	// present the stream may begin.
	Read kv.ReadOptions
	// Reserve, if not nil, makes room for that state once it is read. Its error is
	// Open's.
	Reserve func(entries []kv.Entry) error
}

func (r Request) filter() Filter { return Filter{Keys: r.Keys, Prefixes: r.Prefixes} }

// Open begins a stream, which the caller closes. ctx is for the opening only.
//
// Errors are a LostError, kv.ErrInvalidArgument for a position that is newer
// than the database, kv.ErrTooLarge for an initial state over the limit of an
// answer, ErrClosed, and those of the database.
func (h *Hub) Open(ctx context.Context, req Request) (*Stream, error) {
	ctx, cancel := h.bounded(ctx)
	defer cancel()
	s := newStream(h, req.filter())
	from, err := h.attach(ctx, s, req.Since == "")
	if err != nil {
		s.closed = true
		return nil, failure(err)
	}
	switch {
	case req.Since != "":
		if err = h.checkMin(ctx, req.Read.Min); err == nil {
			err = s.resume(ctx, req.Since)
		}
	case req.Initial:
		err = s.begin(ctx, req, from)
	default:
		err = s.beginWithNews(ctx, req.Read, from)
	}
	if err != nil {
		s.Close()
		return nil, failure(err)
	}
	return s, nil
}

// beginWithNews begins without the state. What a read would have shown now is not
// news.
func (s *Stream) beginWithNews(ctx context.Context, read kv.ReadOptions, from kv.Versionstamp) error {
	floor, err := s.hub.floor(ctx, read)
	if err != nil {
		return err
	}
	s.position = max(from, floor)
	s.start = s.position
	s.hub.cfg.DB.Answered(sqldb.Position(s.start))
	return nil
}

// resume goes on after a position, and finds out now whether that can be.
func (s *Stream) resume(ctx context.Context, since kv.Versionstamp) error {
	s.position, s.start = since, since
	position := s.hub.tailPosition()
	if since > position || since.Incarnation() != position.Incarnation() {
		if err := s.checkFuture(ctx, since); err != nil {
			return err
		}
	}
	s.hub.metrics.resumes.Inc()
	if err := s.goOn(); err != nil {
		return err
	}
	return s.awaitErrand(ctx)
}

// checkFuture asks the primary about a position that the tailer has not come
// to.
func (s *Stream) checkFuture(ctx context.Context, since kv.Versionstamp) error {
	b, err := s.hub.changes.sequence(ctx)
	switch {
	case err != nil:
		return err
	case since.Incarnation() != b.position.Incarnation():
		s.hub.metrics.resets.Inc()
		return &LostError{Oldest: b.oldest()}
	case since > b.position:
		return fmt.Errorf("%w: %s is after %s; it is of another one, or from before a restore; start without a position", kv.ErrPositionAhead, since, b.position)
	}
	s.hub.Hint(since)
	return nil
}

// begin reads the state that the stream starts with. It is at least as new as
// the position from which on changes are queued.
func (s *Stream) begin(ctx context.Context, req Request, from kv.Versionstamp) error {
	entries, position, err := s.hub.state(ctx, req, from)
	if err != nil {
		return err
	}
	s.position, s.start = position, position
	if len(entries) > 0 {
		if req.Reserve != nil {
			if err := req.Reserve(entries); err != nil {
				return err
			}
		}
		s.initial = newEvent(position, entries)
		s.initial.alone = true
	}
	s.hub.cfg.DB.Answered(sqldb.Position(position))
	return nil
}

// state reads what a request watches, from one snapshot that is not older than
// a position.
func (h *Hub) state(ctx context.Context, req Request, from kv.Versionstamp) ([]kv.Entry, kv.Versionstamp, error) {
	opts := req.Read
	opts.Min = max(opts.Min, from)
	switch {
	case !req.Prefixes:
		return h.cfg.Store.Get(ctx, req.Keys, opts)
	case len(req.Keys) == 1:
		page, err := h.cfg.Store.List(ctx, kv.Selector{Range: kv.SubtreeRange(req.Keys[0]), Limit: req.Limit}, opts)
		if err == nil && page.More && len(page.Entries) < req.Limit {
			err = fmt.Errorf("%w: the state at the start passes %d MiB; ask for a smaller limit", kv.ErrTooLarge, kv.MaxAnswerBytes>>20)
		}
		return page.Entries, page.Versionstamp, err
	}
	// Several lists are of one snapshot only in a transaction, on the primary.
	var reads []kv.Read
	for _, prefix := range req.filter().normal().Keys {
		reads = append(reads, kv.Read{List: &kv.Selector{Range: kv.SubtreeRange(prefix), Limit: req.Limit}})
	}
	result, err := h.cfg.Store.Transaction(ctx, kv.TransactionRequest{Reads: reads, Min: opts.Min})
	var entries []kv.Entry
	for _, list := range result.Reads {
		entries = append(entries, list...)
	}
	return entries[:min(len(entries), req.Limit)], result.Versionstamp, err
}
