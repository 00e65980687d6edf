package sqldb_test

import (
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/node/nodetest"
)

// headed is the table of cells, where a head has the stamp alone.
func headed() *sqldb.Table[cell] {
	table := *cells
	table.FetchPart = func(keys []string, whole, small int) sqldb.Stmt {
		return sqldb.Stmt{SQL: `SELECT j.key,iif(j.key<?2 OR j.key<?3 AND c.n<100,c.n,NULL),c.stamp
FROM json_each(?1) j CROSS JOIN cells c WHERE c.name=j.value`, Args: []any{sqldb.TextKeys(keys), whole, small}}
	}
	return &table
}

// look notes what an operation sees of a cell.
func look(table *sqldb.Table[cell], name string, op sqldb.Op, seen *cell) *sqldb.Op {
	op.Name = "look"
	op.Apply = func(tx *sqldb.Tx) error {
		if c := table.Get(tx, name); c != nil {
			*seen = *c
		}
		return nil
	}
	return &op
}

func TestARowIsFetchedWholeIfOneOfItsGroupLooksAtAllOfIt(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, url string) {
		db := open(t, sqldb.Config{PrimaryURL: url})
		table := headed()
		stamp := string(mustDo(t, db, put("n", 5)).Versionstamp())
		whole, head := cell{5, stamp}, cell{0, stamp}
		refs, another := []sqldb.Ref{table.Ref("n")}, []sqldb.Ref{table.Ref("m")}
		believing := sqldb.Op{Reads: refs, Expect: table.Expect("n", cell{6, stamp})}
		for name, c := range map[string]struct {
			ops  []sqldb.Op
			want cell
		}{
			"a head":               {[]sqldb.Op{{Heads: refs}}, head},
			"if it is small":       {[]sqldb.Op{{Heads: refs}, {Small: refs}}, whole},
			"two heads":            {[]sqldb.Op{{Heads: refs}, {Heads: refs}}, head},
			"the first needs all":  {[]sqldb.Op{{Reads: refs}, {Heads: refs}}, whole},
			"the second needs all": {[]sqldb.Op{{Heads: refs}, {Reads: refs}}, whole},
			"one needs all":        {[]sqldb.Op{{Heads: refs, Reads: refs}}, whole},
			"all of another":       {[]sqldb.Op{{Heads: refs}, {Heads: refs, Reads: another}}, head},
			"but a head of it":     {[]sqldb.Op{{Heads: another}, {Heads: another, Reads: refs}}, whole},
			"one believes":         {[]sqldb.Op{believing, {Heads: refs}}, whole},
		} {
			release := blockCommitter(t, db)
			seen := make([]cell, len(c.ops))
			var answers []<-chan answer
			for i, op := range c.ops {
				answers = append(answers, start(timeout(t), db, look(table, "n", op, &seen[i])))
				waitPending(t, db, i+1)
			}
			release()
			for i := range answers {
				wantErr(t, receive(t, answers[i]), nil)
				if seen[i] != c.want {
					t.Errorf("%s: operation %d sees %v, want %v", name, i, seen[i], c.want)
				}
			}
		}
	})
}

func TestAHeadIsFetchedOfARowThatIsNotSmall(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, url string) {
		db := open(t, sqldb.Config{PrimaryURL: url})
		table := headed()
		stamp := string(mustDo(t, db, put("n", 500)).Versionstamp())
		refs := []sqldb.Ref{table.Ref("n")}
		for want, op := range map[cell]sqldb.Op{{0, stamp}: {Small: refs}, {500, stamp}: {Small: refs, Reads: refs}} {
			var seen cell
			if mustDo(t, db, look(table, "n", op, &seen)); seen != want {
				t.Errorf("it sees %v, want %v", seen, want)
			}
		}
	})
}

func TestAHeadIsGuarded(t *testing.T) {
	t.Parallel()
	url := nodetest.MustStartPrimary(t).HTTPURL() // which is read before it is locked
	db, other := open(t, sqldb.Config{PrimaryURL: url}), open(t, sqldb.Config{PrimaryURL: url})
	table := headed()
	mustDo(t, db, put("n", 5))
	var changed string
	var seen []string
	mustDo(t, db, &sqldb.Op{Name: "copy", Heads: []sqldb.Ref{table.Ref("n")}, Apply: func(tx *sqldb.Tx) error {
		if seen = append(seen, table.Get(tx, "n").stamp); changed == "" {
			changed = string(mustDo(t, other, put("n", 6)).Versionstamp())
		}
		table.Put(tx, "copied", cell{n: 1})
		return nil
	}})
	if len(seen) != 2 || seen[0] == changed || seen[1] != changed {
		t.Errorf("applied to %q, want first to another version and then to %s", seen, changed)
	}
}
