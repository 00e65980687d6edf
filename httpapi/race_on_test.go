//go:build race

package httpapi_test

// raceEnabled: the race detector makes everything larger and slower.
const raceEnabled = true
