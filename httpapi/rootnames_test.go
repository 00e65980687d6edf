package httpapi

import (
	"slices"
	"testing"
)

func TestRootNamesAreThoseOfAllRooms(t *testing.T) {
	t.Parallel()
	names := RootNames()
	for _, want := range []string{"keys", "atomic", "transaction", "queue", "watch", "healthz", "metrics", "cluster", "docs", "openapi.json"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing in %v", want, names)
		}
	}
}
