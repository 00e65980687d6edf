package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

const (
	docsPath    = "../../docs/configuration.md"
	tablesStart = "<!-- The tables are made from the code: go test ./cmd/keyval -run TestTheDocs -update -->\n"
	tablesEnd   = "<!-- end of the tables -->\n"
)

func mustReadDocs(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(docsPath)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestTheDocsListEverySetting(t *testing.T) {
	docs := mustReadDocs(t)
	before, rest, found := strings.Cut(docs, tablesStart)
	got, after, foundEnd := strings.Cut(rest, tablesEnd)
	if !found || !foundEnd {
		t.Fatalf("%s has no marks around its tables", docsPath)
	}
	want := settingTables(serveFlags(t))
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("the tables are not those of the code; run the command that stands above them\ngot:\n%s\nwant:\n%s", got, want)
	}
	if err := os.WriteFile(docsPath, []byte(before+tablesStart+want+tablesEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// settingTables is a Markdown table for each group of flags.
func settingTables(flags []*kong.Flag) string {
	var text strings.Builder
	group := ""
	for _, flag := range flags {
		if title := groupTitle(flag); title != group {
			group = title
			fmt.Fprintf(&text, "\n### %s\n\n| flag | environment | in a file | default | |\n|---|---|---|---|---|\n", group)
		}
		fmt.Fprintf(&text, "| `--%s` | `%s` | %s | %s | %s |\n", flag.Name, flag.Envs[0], fileName(flag), defaultOf(flag), flag.Help)
	}
	text.WriteString("\n")
	return text.String()
}

func groupTitle(flag *kong.Flag) string {
	if flag.Group == nil {
		return "Configuration file"
	}
	return strings.TrimSuffix(flag.Group.Title, ":")
}

func fileName(flag *kong.Flag) string {
	if flag.Name == "config" {
		return ""
	}
	return "`" + camelCase(flag.Name) + "`"
}

func defaultOf(flag *kong.Flag) string {
	switch {
	case flag.IsBool() && flag.Default == "":
		return "`false`"
	case flag.Default == "":
		return ""
	default:
		return "`" + flag.Default + "`"
	}
}

func TestTheFilesInTheDocsAreRead(t *testing.T) {
	known := map[string]string{}
	for _, flag := range serveFlags(t) {
		known[camelCase(flag.Name)] = flag.Name
	}
	blocks := regexp.MustCompile("(?s)```jsonc\n(.*?)```").FindAllStringSubmatch(mustReadDocs(t), -1)
	if len(blocks) < 2 {
		t.Fatalf("got %d files in the docs, want both forms", len(blocks))
	}
	for _, block := range blocks {
		file := &settingsFile{path: "docs", env: lookup(map[string]string{"KEYVAL_SEED": "a"})}
		if err := file.parse([]byte(block[1])); err != nil {
			t.Errorf("%v in\n%s", err, block[1])
		}
		for _, warning := range file.warnings(known) {
			t.Errorf("%s in\n%s", warning, block[1])
		}
		for name := range file.members {
			if _, err := file.value(name); err != nil {
				t.Errorf("%s %v in\n%s", name, err, block[1])
			}
		}
	}
}
