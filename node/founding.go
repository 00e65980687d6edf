package node

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/buntime/keyval/cluster"
	"github.com/buntime/keyval/internal/sqldb"
)

// The one row of keyval_founding, and that of keyval_leader:
//
//	cluster_id   e162f292-09f7-4894-9553-bb77de7eda9d
//	generation   1
//	node_id      0ec5ef4c-b5c3-4605-a3a6-e3ceeef47acd  who founded it
//	boot_id      3f19b33f-9e72-4d47-ab60-4317c8537314
//	ephemeral    0
//	established  1                                     a leader has renewed it
//	renewed_at   1795707765277                         0: stale
//
//	epoch        1                                     every leader's statement has it
//	leader       0ec5ef4c-b5c3-4605-a3a6-e3ceeef47acd

// registry keeps the cluster's founding and the leader's epoch in the database.
// Each call is one operation of the committer, so that it commits exactly once
// even when its answer is lost.
type registry struct{ db *sqldb.DB }

var (
	_ cluster.Founder = registry{}
	_ cluster.Epochs  = registry{}
)

// theRow is the key of tables that have one row.
const theRow = "1"

// foundingRow is the founding with the time of its last renewal.
type foundingRow struct {
	cluster.Founding
	renewed int64 // as read, in Unix milliseconds
	stale   bool  // stage it as renewed never
}

// The guard knows a row by all that can change in it, the renewal included.
const (
	foundingFetchSQL = `SELECT 0,f.cluster_id,f.generation,f.node_id,f.boot_id,f.ephemeral,f.established,` + sqldb.NowSQL + `-f.renewed_at,f.renewed_at
FROM keyval_founding f,keyval_sequence s`

	foundingGuardSQL = sqldb.StaleSQL + `WHERE coalesce((SELECT cluster_id||generation||node_id||boot_id||established||renewed_at FROM keyval_founding),'')<>?`

	// A row is [cluster id, generation, node id, boot id, ephemeral, established, stale].
	foundingWriteSQL = `INSERT OR REPLACE INTO keyval_founding
SELECT 1,j.value->>0,j.value->>1,j.value->>2,j.value->>3,j.value->>4,j.value->>5,CASE WHEN j.value->>6 THEN 0 ELSE s.time END
FROM keyval_sequence s,json_each(?1) j WHERE ?2 IS NULL`

	foundingDeleteSQL = `DELETE FROM keyval_founding`
)

var foundings = &sqldb.Table[foundingRow]{
	Name:  "keyval_founding",
	Fetch: func([]string) sqldb.Stmt { return sqldb.Stmt{SQL: foundingFetchSQL} },
	Scan: func(row sqldb.Row) (foundingRow, error) {
		return foundingRow{Founding: cluster.Founding{
			ID: row.Text(0), Generation: uint64(row.Integer(1)), NodeID: row.Text(2), BootID: row.Text(3),
			Ephemeral: row.Integer(4) == 1, Established: row.Integer(5) == 1,
			Age: milliseconds(row.Integer(6)),
		}, renewed: row.Integer(7)}, nil
	},
	Guard: func(reads []sqldb.Held[foundingRow]) sqldb.Stmt {
		return sqldb.Stmt{SQL: foundingGuardSQL, Args: []any{reads[0].Row.fingerprint()}}
	},
	Write: func(changes []sqldb.Change[foundingRow]) []sqldb.Stmt {
		if changes[0].Row == nil {
			return []sqldb.Stmt{{SQL: foundingDeleteSQL}}
		}
		rows := sqldb.NewRows(foundingWriteSQL)
		for _, c := range changes {
			f := c.Row
			rows.Add(f.ID, int64(f.Generation), f.NodeID, f.BootID, flag(f.Ephemeral), flag(f.Established), flag(f.stale))
		}
		return rows.Stmts()
	},
}

func (f *foundingRow) fingerprint() string {
	if f == nil {
		return ""
	}
	return f.ID + strconv.FormatUint(f.Generation, 10) + f.NodeID + f.BootID + strconv.Itoa(flag(f.Established)) + strconv.FormatInt(f.renewed, 10)
}

// Found implements cluster.Founder.
func (r registry) Found(ctx context.Context, candidate cluster.Founding, staleAfter time.Duration) (cluster.Founding, error) {
	var found cluster.Founding
	err := r.do(ctx, "found", foundings.Ref(theRow), func(tx *sqldb.Tx) error {
		row := foundings.Get(tx, theRow)
		found = candidate
		switch {
		case row == nil:
		case row.Ephemeral && staleAfter > 0 && row.Age >= staleAfter:
			found.ID, found.Generation = row.ID, row.Generation+1
		default:
			found = row.Founding
			return errUnchanged
		}
		found.Established, found.Age = false, 0
		foundings.Put(tx, theRow, foundingRow{Founding: found})
		return nil
	})
	return found, err
}

// Renew implements cluster.Founder.
func (r registry) Renew(ctx context.Context, f cluster.Founding) error {
	return r.do(ctx, "renew", foundings.Ref(theRow), func(tx *sqldb.Tx) error {
		if row := foundings.Get(tx, theRow); row != nil && (row.ID != f.ID || row.Generation > f.Generation) {
			return cluster.ErrOtherFounding
		}
		f.Established = true
		foundings.Put(tx, theRow, foundingRow{Founding: f})
		return nil
	})
}

// Release implements cluster.Founder.
func (r registry) Release(ctx context.Context, f cluster.Founding) error {
	return r.do(ctx, "release", foundings.Ref(theRow), func(tx *sqldb.Tx) error {
		if row := foundings.Get(tx, theRow); row != nil && row.ID == f.ID && row.Generation == f.Generation {
			foundings.Put(tx, theRow, foundingRow{Founding: row.Founding, stale: true})
		}
		return nil
	})
}

// Replace implements cluster.Founder.
func (r registry) Replace(ctx context.Context, old, next cluster.Founding) (cluster.Founding, error) {
	var now cluster.Founding
	err := r.do(ctx, "refound", foundings.Ref(theRow), func(tx *sqldb.Tx) error {
		row := foundings.Get(tx, theRow)
		if row == nil || row.ID != old.ID || row.Generation != old.Generation {
			if row != nil {
				now = row.Founding
			}
			return nil
		}
		now = next
		now.Established, now.Age = false, 0
		foundings.Put(tx, theRow, foundingRow{Founding: now})
		return nil
	})
	return now, err
}

// forget removes the founding: none of its nodes can be there any more. What keeps
// raft state of it goes on from that, and founds it again.
func (r registry) forget(ctx context.Context) error {
	return r.do(ctx, "forget founding", foundings.Ref(theRow), func(tx *sqldb.Tx) error {
		if foundings.Get(tx, theRow) == nil {
			return errUnchanged
		}
		foundings.Delete(tx, theRow)
		return nil
	})
}

// leaderRow is the epoch and who took it.
type leaderRow struct {
	epoch  int64
	leader string
}

const (
	leaderGuardSQL = sqldb.StaleSQL + `FROM keyval_leader WHERE epoch<>?`
	leaderWriteSQL = `UPDATE keyval_leader SET epoch=?,leader=?`
)

var leaders = &sqldb.Table[leaderRow]{
	Name:  "keyval_leader",
	Fetch: func([]string) sqldb.Stmt { return sqldb.Stmt{SQL: `SELECT 0,epoch,leader FROM keyval_leader`} },
	Scan: func(row sqldb.Row) (leaderRow, error) {
		return leaderRow{epoch: row.Integer(0), leader: row.Text(1)}, nil
	},
	Guard: func(reads []sqldb.Held[leaderRow]) sqldb.Stmt {
		return sqldb.Stmt{SQL: leaderGuardSQL, Args: []any{reads[0].Row.epoch}}
	},
	Write: func(changes []sqldb.Change[leaderRow]) []sqldb.Stmt {
		return []sqldb.Stmt{{SQL: leaderWriteSQL, Args: []any{changes[0].Row.epoch, changes[0].Row.leader}}}
	},
}

// TakeEpoch implements cluster.Epochs.
func (r registry) TakeEpoch(ctx context.Context, nodeID string) (uint64, error) {
	var epoch int64
	err := r.do(ctx, "epoch", leaders.Ref(theRow), func(tx *sqldb.Tx) error {
		epoch = leaders.Get(tx, theRow).epoch + 1
		leaders.Put(tx, theRow, leaderRow{epoch: epoch, leader: nodeID})
		return nil
	})
	return uint64(epoch), err
}

// errUnchanged ends an operation that has nothing to commit.
var errUnchanged = errors.New("nothing to change")

func (r registry) do(ctx context.Context, name string, read sqldb.Ref, apply func(*sqldb.Tx) error) error {
	_, err := r.db.Do(ctx, &sqldb.Op{Name: name, Reads: []sqldb.Ref{read}, Apply: apply})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	return err
}

// milliseconds is n as a duration, however long ago "never" was.
func milliseconds(n int64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
