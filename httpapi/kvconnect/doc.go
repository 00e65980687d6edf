// Package kvconnect is the room of Deno's KV Connect protocol, versions 2 and 3, on the
// same entries, queues and watches as the other rooms': metadata, snapshot_read,
// atomic_write and watch. Keys and versionstamps are the bytes that the store has;
// values are translated by internal/v8value. The messages are in package datapath.
//
// Errors are plain text. Clients try again for ever after a 5xx and never after a 4xx,
// so that which of the two it is matters more than which number.
package kvconnect
