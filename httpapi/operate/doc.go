// Package operate is the room of whoever runs the node: health, readiness, metrics and
// the cluster.
package operate
