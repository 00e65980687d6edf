package workload

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"github.com/buntime/keyval/httpapi/api"
)

// maxValueBytes is the most that a node can be set to take for a value.
const maxValueBytes = 4 << 20

// What one machine can be made to do at most: more of it would end with the memory, or never.
const maxConnections, maxWatchers, maxKeys = 100_000, 1_000_000, 100_000_000

// maxLimit is the most entries that a list answers with.
const maxLimit = 1000

// Settings are what a workload can be told. A field that it does not use must be as Defaults
// has it; Open names one that is not.
type Settings struct {
	// URLs are the endpoints; connections are dealt out to them in turn.
	URLs []string
	// Token is the bearer token; empty is none.
	Token string
	// TLS is for endpoints of https; nil trusts the system's authorities.
	TLS *tls.Config
	// Prefix is where the workload's keys are; its queues and indexes carry the name, too.
	Prefix api.Key
	// Connections is how many workers there will be at most.
	Connections int
	// Keys is how many different keys are read and written.
	Keys int
	// OwnKeys has each connection write keys that no other one writes, so that no check of
	// an "atomic" conflicts. There must be a key for each.
	OwnKeys bool
	// ValueBytes are the least and the greatest size of a value as JSON.
	ValueBytes [2]int
	// Seed makes keys, values and their order; the same seed, the same requests.
	Seed uint64
	// Mix is YCSB's letter for "mixed": a to f.
	Mix string
	// Watchers is how many streams "watch" opens.
	Watchers int
	// Limit is how many entries a "list", a "filter" or a "search" asks for.
	Limit int
	// Consistency is that of reads: session, strong or eventual; empty is the server's
	// default.
	Consistency string
}

// Defaults are the settings of whoever sets nothing. The endpoint is a node's on this
// machine as it comes.
func Defaults() Settings {
	return Settings{
		URLs:        []string{"http://127.0.0.1:8080"},
		Prefix:      api.Key{"keyval-bench"},
		Connections: 64,
		Keys:        10_000,
		ValueBytes:  [2]int{100, 100},
		Seed:        1,
		Mix:         "a",
		Watchers:    1000,
		Limit:       100,
	}
}

// A SettingError is a setting with which a workload cannot work.
type SettingError struct {
	// Setting is the name of the field of Settings.
	Setting string
	// Problem says what is wrong and what would be right.
	Problem string
}

// Error is one line.
func (e *SettingError) Error() string { return e.Setting + ": " + e.Problem }

func badSetting(setting, problem string, args ...any) error {
	return &SettingError{Setting: setting, Problem: fmt.Sprintf(problem, args...)}
}

// validate refuses what no workload can work with.
func (s Settings) validate() error {
	switch least, most := s.ValueBytes[0], s.ValueBytes[1]; {
	case len(s.URLs) == 0:
		return badSetting("URLs", "there must be one at least")
	case len(s.Prefix) == 0:
		return badSetting("Prefix", "it must have a part: everything below it is removed at the end")
	case s.Connections < 1 || s.Connections > maxConnections:
		return badSetting("Connections", "%d is not within 1 and %d", s.Connections, maxConnections)
	case s.Keys < 1 || s.Keys > maxKeys:
		return badSetting("Keys", "%d is not within 1 and %d", s.Keys, maxKeys)
	case s.OwnKeys && s.Keys < s.Connections:
		return badSetting("OwnKeys", "there are %d keys for %d connections: each needs one", s.Keys, s.Connections)
	case least < 2 || most > maxValueBytes || least > most:
		return badSetting("ValueBytes", "%d to %d is no range within 2 and %d", least, most, maxValueBytes)
	case !slices.Contains(mixLetters(), s.Mix):
		return badSetting("Mix", "%q is none of %s", s.Mix, strings.Join(mixLetters(), ", "))
	case s.Watchers < 1 || s.Watchers > maxWatchers:
		return badSetting("Watchers", "%d is not within 1 and %d", s.Watchers, maxWatchers)
	case s.Limit < 1 || s.Limit > maxLimit:
		return badSetting("Limit", "%d is not within 1 and %d", s.Limit, maxLimit)
	case !slices.Contains([]string{"", string(api.Session), string(api.Strong), string(api.Eventual)}, s.Consistency):
		return badSetting("Consistency", "%q is none of session, strong and eventual", s.Consistency)
	}
	return nil
}

// uses are the settings that only some workloads heed.
type uses struct {
	keys, ownKeys, values, mix, watchers, limit, consistency bool
}

// refuse names a setting that was set and has no effect: what it was meant to measure would
// not be measured.
func (u uses) refuse(name string, s Settings) error {
	d := Defaults()
	for _, setting := range []struct {
		field      string
		used       bool
		got, usual any
	}{
		{"Keys", u.keys, s.Keys, d.Keys},
		{"OwnKeys", u.ownKeys, s.OwnKeys, d.OwnKeys},
		{"ValueBytes", u.values, s.ValueBytes, d.ValueBytes},
		{"Mix", u.mix, s.Mix, d.Mix},
		{"Watchers", u.watchers, s.Watchers, d.Watchers},
		{"Limit", u.limit, s.Limit, d.Limit},
		{"Consistency", u.consistency, s.Consistency, d.Consistency},
	} {
		if !setting.used && setting.got != setting.usual {
			return badSetting(setting.field, "the workload %q has no use for it: leave it out", name)
		}
	}
	return nil
}
