// Package sqldb is keyval's one way to its database: libSQL over HTTP, or an
// embedded SQLite file.
//
// It opens the primary and the replica, migrates the schema, commits
// operations in groups and merges point reads. It knows nothing of keys,
// queues or watches: those packages describe their tables to it (see Table)
// and hand it operations (see Op).
//
// What it guarantees:
//
//   - One write transaction of a process is in flight at a time, whatever it
//     is for. sqld livelocks near 40 concurrent writers.
//   - An operation is answered after its transaction has committed, and
//     stands in it completely or not at all.
//   - Versionstamps increase in commit order over all nodes; the
//     transaction's time never goes back.
//   - When the answer to a commit is lost, what happened is found out before
//     anything else is written. Only a caller whose time is up before that
//     is told ErrCommitUnknown.
//
// The life of a group, in committer.go, group.go, group_read.go, group_batch.go and
// recover.go:
//
//	Do ──▶ pending ──take──▶ group ◀───────────────────────────────────────────────┐
//	  │       ▲                │                                                   │
//	  │       │                ▼                                                   │
//	  │       │             read        rows, outside the lock; on an embedded     │
//	  │       │                │        database, with a LockedRead and from       │
//	  │       │                │        the third try on after BEGIN IMMEDIATE     │
//	  │       │                ▼                                                   │
//	  │       │             apply       in arrival order, those in SQL last;       │ again, on
//	  │       │                │        one that fails or panics is answered and   │ fresh rows
//	  │       │                │        leaves nothing, ErrNextGroup puts it off   │
//	  │       │                ▼                                                   │
//	  │       │             commit      one batch: the guards, the sequence row,   │
//	  │       │                │        the node's row, the rows, the outcomes     │
//	  │       │                │                                                   │
//	  │       │                ├── guard: not as read ── errRetry ─────────────────┤
//	  │       │                ├── guard: another epoch ── ErrFenced, the rest ────┤
//	  │       │                ├── an error ── halves, until one is to blame ──────┘
//	  │       │                ├── too slow, too often ── halves; one alone ──┐
//	  │       └────────────────────────────── put back ──────────────────────┘
//	  │                        ├── no answer ── recover: its number is closed, which
//	  │                        │       finds it done ──▶ answered, or makes sure that
//	  │                        │       it never happens ──▶ again
//	  │                        ▼
//	  │                     answered, all at once; then observers (the doorbell)
//	  │
//	  └─ its caller's time is up: not sent yet ── it leaves, nothing was written;
//	     sent ── up to 2 s for the outcome, then ErrCommitUnknown
//
// What it does not guarantee: that operations of different callers commit in
// the order in which they were handed over. Those that are computed here
// (Op.Apply) come before those that SQL computes (Op.InSQL) in a group.
package sqldb
