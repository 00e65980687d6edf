package main

import "testing"

func FuzzSettingsFile(f *testing.F) {
	for _, seed := range []string{
		`{"libsqlUrl": "${A:-b}", "join": ["a", 1, true], // c
		"x": {"y": null},}`,
		`{"plugins":[["@buntime/plugin-keyval",{"cleanupInterval":60000}],"x",[],[1]]}`,
		`{"plugins":1}`, "\ufeff{}", "/*", `{"a":"$${A}${"}`,
	} {
		f.Add([]byte(seed))
	}
	env := func(name string) (string, bool) { return "value of " + name, name != "UNSET" }
	f.Fuzz(func(_ *testing.T, content []byte) {
		file := &settingsFile{path: "file", env: env}
		if file.parse(content) != nil {
			return
		}
		for name := range file.members {
			_, _ = file.value(name)
		}
		_ = file.warnings(map[string]string{"libsqlUrl": "libsql-url"})
	})
}

func FuzzSizesAndTimes(f *testing.F) {
	for _, seed := range []string{"512KiB", "2 MB", "-1", "9223372036854775807GiB", "1h30m", "60000", "B"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := parseSize(text); err == nil && text[0] != '-' && n < 0 {
			t.Errorf("%q is the size %d", text, n)
		}
		_, _ = parseDuration(text)
	})
}
