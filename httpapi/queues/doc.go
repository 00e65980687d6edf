// Package queues is the room of messages: enqueued, delivered, settled, looked at, and
// dead letters.
package queues
