package httpapi_test

import (
	"strings"
	"testing"
)

func TestACommitVersionstampCanBeTheWholeKey(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		for _, route := range []string{"/atomic", "/transaction"} {
			stamp := f.must("POST", route, `{"mutations":[{"type":"set","key":[{"__type":"commitVersionstamp"}],"value":"v"}]}`).versionstamp()
			want := `{"key":["` + stamp + `"],"value":"v","versionstamp":"` + stamp + `"}`
			if got := f.must("GET", "/keys/"+stamp, "").body; got != want {
				t.Errorf("%s: got %s, want %s", route, got, want)
			}
			if got := f.everything(); got != "["+want+"]" {
				t.Errorf("%s: the list is %s, want [%s]", route, got, want)
			}
			if got := f.must("DELETE", basePath+"/keys/"+stamp, "").body; !strings.Contains(got, `"deletedCount":1`) {
				t.Errorf("%s: delete: got %s", route, got)
			}
		}
		f.must("POST", "/atomic", `{"mutations":[{"type":"set","key":[{"__type":"commitVersionstamp"}],"value":1}]}`)
		f.must("DELETE", "/keys?all=true", "")
		if got := f.everything(); got != "[]" {
			t.Errorf("after everything was deleted: %s", got)
		}
	})
}
