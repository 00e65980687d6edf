package workload_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/httpapi/api"
)

func TestTheDefaultsSuitEveryWorkload(t *testing.T) {
	for _, d := range workload.All() {
		s := workload.Defaults()
		s.URLs = append(s.URLs, "http://127.0.0.1:8081")
		if _, err := workload.Open(d.Name, s); err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
		if !strings.HasSuffix(d.Summary, ".") {
			t.Errorf("%s: the summary %q is no sentence", d.Name, d.Summary)
		}
	}
}

func TestASettingThatCannotBeOrHasNoEffectIsNamed(t *testing.T) {
	for _, c := range []struct {
		workload, setting string
		set               func(*workload.Settings)
	}{
		{"put", "URLs", func(s *workload.Settings) { s.URLs = nil }},
		{"put", "URLs", func(s *workload.Settings) { s.URLs = []string{"127.0.0.1:8080"} }},
		{"cluster", "URLs", func(s *workload.Settings) {}},
		{"cluster", "URLs", func(s *workload.Settings) { s.URLs = []string{"http://a:1", "http://a:1/"} }},
		{"put", "Prefix", func(s *workload.Settings) { s.Prefix = nil }},
		{"put", "Prefix", func(s *workload.Settings) { s.Prefix = api.Key{"\xff"} }},
		{"put", "Connections", func(s *workload.Settings) { s.Connections = 0 }},
		{"put", "Connections", func(s *workload.Settings) { s.Connections = 1_000_000_000 }},
		{"put", "Keys", func(s *workload.Settings) { s.Keys = 0 }},
		{"atomic", "Keys", func(s *workload.Settings) { s.Keys = 1e15 }},
		{"queue", "Keys", func(s *workload.Settings) { s.Keys = 5 }},
		{"put", "OwnKeys", func(s *workload.Settings) { s.OwnKeys = true }},
		{"atomic", "OwnKeys", func(s *workload.Settings) { s.OwnKeys, s.Keys = true, 63 }},
		{"put", "ValueBytes", func(s *workload.Settings) { s.ValueBytes = [2]int{1, 5} }},
		{"put", "ValueBytes", func(s *workload.Settings) { s.ValueBytes = [2]int{6, 5} }},
		{"put", "ValueBytes", func(s *workload.Settings) { s.ValueBytes = [2]int{6, 5 << 20} }},
		{"filter", "ValueBytes", func(s *workload.Settings) { s.ValueBytes = [2]int{10, 50} }},
		{"hot-counter", "ValueBytes", func(s *workload.Settings) { s.ValueBytes = [2]int{10, 50} }},
		{"mixed", "Mix", func(s *workload.Settings) { s.Mix = "g" }},
		{"put", "Mix", func(s *workload.Settings) { s.Mix = "b" }},
		{"watch", "Watchers", func(s *workload.Settings) { s.Watchers = 0 }},
		{"watch", "Watchers", func(s *workload.Settings) { s.Watchers = 1_000_000_000 }},
		{"put", "Watchers", func(s *workload.Settings) { s.Watchers = 7 }},
		{"list", "Limit", func(s *workload.Settings) { s.Limit = 0 }},
		{"list", "Limit", func(s *workload.Settings) { s.Limit = 1001 }},
		{"mixed", "Limit", func(s *workload.Settings) { s.Limit = 5 }},
		{"get", "Consistency", func(s *workload.Settings) { s.Consistency = "weak" }},
		{"put", "Consistency", func(s *workload.Settings) { s.Consistency = "strong" }},
	} {
		s := workload.Defaults()
		c.set(&s)
		_, err := workload.Open(c.workload, s)
		bad, ok := errors.AsType[*workload.SettingError](err)
		if !ok || bad.Setting != c.setting || !strings.HasPrefix(bad.Error(), c.setting+": ") {
			t.Errorf("%s: got %v, want one about %s", c.workload, err, c.setting)
		}
	}
}

func TestAWorkloadThatIsNotThereNamesThoseThatAre(t *testing.T) {
	_, err := workload.Open("puts", workload.Defaults())
	if err == nil || !strings.Contains(err.Error(), `"puts"; choose one of put, get, mixed`) {
		t.Errorf("got %v", err)
	}
}
