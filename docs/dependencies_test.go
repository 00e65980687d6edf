package docs_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// moduleName is a module as the page's tables name it.
var moduleName = regexp.MustCompile("`([a-z0-9.-]+\\.[a-z]+/[^`]+)`")

// TestTheModulesOfThePageAreThoseThatAreImported compares docs/dependencies.md with
// what the code imports, whatever go.mod says.
func TestTheModulesOfThePageAreThoseThatAreImported(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	imports := mustList(t, "{{range .Imports}}{{.}}\n{{end}}{{range .TestImports}}{{.}}\n{{end}}{{range .XTestImports}}{{.}}\n{{end}}", "./...")
	modules := mustList(t, "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", imports...)
	if len(modules) < 5 {
		t.Fatalf("only %d modules were found: %v", len(modules), modules)
	}
	for _, module := range modules {
		if !strings.Contains(string(page), "`"+module+"`") {
			t.Errorf("%s is imported and has no line in docs/dependencies.md", module)
		}
	}
	for line := range strings.Lines(string(page)) {
		for _, name := range moduleName.FindAllStringSubmatch(line, -1) {
			if strings.HasPrefix(line, "| `") && !slices.Contains(modules, name[1]) {
				t.Errorf("%s has a line in docs/dependencies.md and is not imported", name[1])
			}
		}
	}
}

// mustList returns the different lines that go list prints for a template.
func mustList(t *testing.T, template string, packages ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-f", template}, packages...)...)
	cmd.Dir = root
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	seen := make(map[string]bool)
	var lines []string
	for _, line := range strings.Fields(string(output)) {
		if !seen[line] {
			seen[line] = true
			lines = append(lines, line)
		}
	}
	return lines
}
