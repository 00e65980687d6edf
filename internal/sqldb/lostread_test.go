package sqldb_test

import (
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// readMark is in a statement that the proxy recognises.
var readMark = []byte("SELECT 'read within a transaction'")

// cuts are the ways to lose a stream in the middle of a transaction.
var cuts = map[string]func(*nodetest.FaultProxy) *nodetest.Fault{
	"the request never arrived":   func(p *nodetest.FaultProxy) *nodetest.Fault { return p.CutNextRequest(readMark) },
	"the answer was cut":          func(p *nodetest.FaultProxy) *nodetest.Fault { return p.CutNextAnswer(readMark) },
	"the answer was cut half way": func(p *nodetest.FaultProxy) *nodetest.Fault { return p.CutNextAnswerAfter(readMark, 100) },
}

func TestASnapshotWhoseStreamIsCutIsReadAnew(t *testing.T) {
	t.Parallel()
	b := newBehindProxy(t)
	for name, cut := range cuts {
		fault, runs := cut(b.proxy), 0
		err := b.db.Snapshot(timeout(t), func(q sqldb.Querier) error {
			runs++
			_, err := q.Query(timeout(t), sqldb.Stmt{SQL: string(readMark)})
			return err
		})
		if err != nil || runs != 2 {
			t.Errorf("%s: got %v after %d runs, want a second run that succeeds", name, err, runs)
		}
		wait(t, fault)
	}
}
