// Package kv keeps entries: typed, ordered keys with JSON values, versionstamps
// and expiry, read and written by atomic operations and transactions.
//
// What it guarantees:
//
//   - An operation's checks are made against one state, and its mutations apply
//     to that state all together or not at all. Over all nodes operations take
//     place one after the other, in the order of their versionstamps.
//   - A list, a batch and the reads of a transaction are one snapshot each.
//   - A Strong read shows every write that was answered before it. Session reads
//     of one node never go back, and show what this node has answered.
//   - An entry is never shown, counted or taken as existing once it has expired
//     by the database's clock, and never hidden before.
//   - Every key that an operation changes has a row in the change log, written
//     with the data.
//
// What it does not guarantee: that a delete of more than 1,000 entries is one
// operation; it is one in a thousand entries.
//
// DESIGN.md says why it is built so.
package kv
