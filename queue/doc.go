// Package queue delivers messages: named queues with priorities, delays,
// retries, dead letters and push delivery, in the database that holds the keys.
//
// What it guarantees:
//
//   - A message whose enqueue was answered is delivered until it is acked or
//     dead; it is never lost, whoever dies when. Delivery is at least once.
//   - A message is out to one receiver at a time, for as long as its lock holds
//     by the database's clock. A receipt names one delivery: when the lock has
//     ended, everything that is done with that receipt fails with ErrLockLost
//     and changes nothing.
//   - A message that is enqueued as part of an operation (Part) exists if and
//     only if the operation has committed.
//   - A message's end is one transaction: the value under its fallback keys, the
//     dead letter and the removal stand or fall together.
//   - A message that was taken for a receiver that has gone is given back at
//     once, and the attempt does not count.
//
// What it does not guarantee: strict order. Among the messages that are ready
// when a node looks, those of higher priority come first, then those that became
// ready earlier, then those enqueued earlier; retries and several receivers
// change the order in which work is finished.
//
// No time of this package comes from a node's clock: what is ready, delayed,
// locked or out of date is decided in SQL by the transaction's time. Timers only
// say when to ask.
package queue
