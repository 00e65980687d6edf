package main

import (
	"strings"
	"testing"
)

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { return env[name], env[name] != "" }
}

func TestReferencesToTheEnvironmentAreReplaced(t *testing.T) {
	env := lookup(map[string]string{"HOST": "db", "EMPTY": ""})
	tests := []struct{ text, want string }{
		{"plain", "plain"},
		{"${HOST}", "db"},
		{"http://${HOST}:8080", "http://db:8080"},
		{"${NONE}", ""},
		{"${EMPTY}", ""},
		{"${EMPTY}${NONE}", ""},
		{"${NONE:-other}", "other"},
		{"${EMPTY:-other}", "other"},
		{"${HOST:-other}", "db"},
		{"${NONE:-}", ""},
		{"http://${NONE:-localhost}:${NONE:-8080}", "http://localhost:8080"},
		{"$HOST and ${} and ${1} and ${", "$HOST and ${} and ${1} and ${"},
	}
	for _, test := range tests {
		if got, err := expand(test.text, env); err != nil || got != test.want {
			t.Errorf("%q: got %q, %v, want %q", test.text, got, err, test.want)
		}
	}
}

func TestHalfAReferencedValueIsAnError(t *testing.T) {
	_, err := expand("http://${NONE}:8080", lookup(nil))
	if err == nil || !strings.Contains(err.Error(), "NONE") {
		t.Errorf("got %v, want an error that names NONE", err)
	}
}

func TestAFileSetsWhatItsFormSays(t *testing.T) {
	const empty = ""
	tests := []struct{ name, content, want string }{
		{"ours", `{"nodeId": "a"}`, "a"},
		{"comments and trailing commas", "{ // c\n /* c */ \"nodeId\": \"a\", }", "a"},
		{"byte order mark", "\ufeff{\"nodeId\": \"a\"}", "a"},
		{"number as text", `{"nodeId": 12}`, "12"},
		{"null is not set", `{"nodeId": null}`, empty},
		{"the seed's pair", `{"plugins": [["@buntime/plugin-keyval", {"nodeId": "a"}]]}`, "a"},
		{"members beside plugins are not ours", `{"nodeId": "b", "plugins": [["@buntime/plugin-keyval", {}]]}`, empty},
		{"other plugins of any form", `{"plugins": ["x", {"y": 1}, [], [1], ["z", {"nodeId": "b"}], ["@buntime/plugin-keyval", {"nodeId": "a"}]]}`, "a"},
		{"name without options", `{"plugins": ["@buntime/plugin-keyval"]}`, empty},
		{"pair without options", `{"plugins": [["@buntime/plugin-keyval"]]}`, empty},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := &settingsFile{env: lookup(nil)}
			if err := file.parse([]byte(test.content)); err != nil {
				t.Fatal(err)
			}
			value, err := file.value("nodeId")
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(value, "|"); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestBrokenFilesSayWhere(t *testing.T) {
	tests := []struct{ name, content, want string }{
		{"missing comma", "{\n  \"a\": 1\n  \"b\": 2\n}", "line 3, column 3: "},
		{"after a comment", "{\n  // c\n  \"a\": #\n}", "line 3, column 8: "},
		{"end", "{\n  \"a\": 1\n", "line 3, column 1: "},
		{"empty", "", "line 1, column 1: "},
		{"twice", "{\"a\": 1,\n \"a\": 2}", "line 2, column 2: duplicate"},
		{"list", `[1]`, "holds no JSON object"},
		{"plugins", `{"plugins": {}}`, `"plugins" is not a list`},
		{"options", `{"plugins": [["@buntime/plugin-keyval", 1]]}`, "the options of @buntime/plugin-keyval are not an object"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := new(settingsFile).parse([]byte(test.content))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s…", err, test.want)
			}
		})
	}
}

func TestWhatIsNoSettingIsAWarning(t *testing.T) {
	tests := []struct {
		name, content string
		want          int
	}{
		{"known", `{"nodeId": "a"}`, 0},
		{"unknown", `{"nodeID": "a", "x": {}}`, 2},
		{"unknown to us but not ours", `{"x": 1, "plugins": [["other", {"x": 1}], ["@buntime/plugin-keyval", {"nodeId": 1}]]}`, 0},
		{"no entry of ours", `{"plugins": []}`, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := &settingsFile{path: "f"}
			if err := file.parse([]byte(test.content)); err != nil {
				t.Fatal(err)
			}
			if got := file.warnings(map[string]string{"nodeId": "node-id"}); len(got) != test.want {
				t.Errorf("got %q, want %d warnings", got, test.want)
			}
		})
	}
}
