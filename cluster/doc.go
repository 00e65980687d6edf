// Package cluster joins nodes by gossip, elects one leader, and rings the other
// nodes' doorbells. It hides memberlist and raft: no type of theirs is exported.
//
// # What it guarantees
//
//   - At most one node leads with a given epoch. Each leader takes an epoch from
//     the database before its job starts, and epochs only grow, so a statement
//     that is conditional on the epoch is refused once a later leader has begun.
//   - The job's context ends, with a cause, as soon as raft reports that leadership
//     is lost; the next job of this node starts only after the last has returned.
//   - A cluster is founded once: the database decides by whom. Nodes that belong to
//     another founding, another database, another name or another gossip key are
//     never mixed in.
//   - A doorbell is a maximum and a union. Loss, repetition and reordering of
//     doorbells change only when something is noticed, never what.
//
// # What it does not guarantee
//
//   - That only one node believes that it leads. A process that was paused may
//     believe it for any length of time; only the epoch makes that harmless.
//   - That a doorbell arrives. Whoever depends on one also polls slowly.
//   - That members see each other at once: gossip converges within seconds.
//
// Nothing on a request's path needs this package: without gossip, raft or a leader
// requests are still right, only slower to notice and slower to tidy up.
package cluster
