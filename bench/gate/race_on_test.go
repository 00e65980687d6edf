//go:build race

package gate_test

// raceEnabled: the race detector allocates, and keeps pools from giving back what was put
// in. SQL statements are the same.
const raceEnabled = true
