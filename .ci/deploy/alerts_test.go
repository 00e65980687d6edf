package deploy_test

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	strict "sigs.k8s.io/yaml"
)

// mustBeRules are the alerting rules of deploy/.
func mustBeRules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.Parse(mustRead(t, "alerts.yaml"), false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if t.Failed() {
		t.FailNow()
	}
	var rules []rulefmt.Rule
	for _, group := range groups.Groups {
		rules = append(rules, group.Rules...)
	}
	if len(rules) < 20 {
		t.Fatalf("only %d alerts were found", len(rules))
	}
	return rules
}

// A ruleTest is a test of promtool's, as far as it is looked at here.
type ruleTest struct {
	Name        string `json:"name"`
	InputSeries []struct {
		Series string `json:"series"`
	} `json:"input_series"`
	Expressions []struct {
		Expr    string `json:"expr"`
		Samples []struct {
			Labels string `json:"labels"`
		} `json:"exp_samples"`
	} `json:"promql_expr_test"`
}

func mustBeRuleTests(t *testing.T) map[string]ruleTest {
	t.Helper()
	var file struct {
		Tests []ruleTest `json:"tests"`
	}
	if err := strict.Unmarshal(mustRead(t, "alerts_test.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	tests := make(map[string]ruleTest)
	for _, test := range file.Tests {
		tests[test.Name] = test
	}
	return tests
}

// firesAfterQuiet tells whether promtool is asked for what fires, first when nothing does
// and then when the alert does.
func (r ruleTest) firesAfterQuiet(alert string) bool {
	if len(r.Expressions) < 2 || len(r.Expressions[0].Samples) > 0 {
		return false
	}
	last := r.Expressions[len(r.Expressions)-1]
	for _, e := range r.Expressions {
		if e.Expr != `sum by (alertname) (ALERTS{alertstate="firing"})` {
			return false
		}
	}
	return slices.ContainsFunc(last.Samples, func(s struct {
		Labels string `json:"labels"`
	}) bool {
		return s.Labels == `{alertname="`+alert+`"}`
	})
}

func TestEveryAlertHasATestThatMakesItFireAndHealthThatDoesNot(t *testing.T) {
	tests := mustBeRuleTests(t)
	var healthy []string
	for _, input := range tests["health"].InputSeries {
		name, _, _ := strings.Cut(input.Series, "{")
		healthy = append(healthy, name)
	}
	for _, e := range tests["health"].Expressions {
		if e.Expr != "ALERTS" || len(e.Samples) > 0 {
			t.Errorf("health asks for %s and has %v, want ALERTS and none", e.Expr, e.Samples)
		}
	}
	for _, rule := range mustBeRules(t) {
		if !tests[rule.Alert].firesAfterQuiet(rule.Alert) {
			t.Errorf("alerts_test.yaml has no test %s in which nothing fires and then that", rule.Alert)
		}
		for _, name := range metricsOf(t, rule.Alert, rule.Expr) {
			if !slices.Contains(healthy, name) {
				t.Errorf("alerts_test.yaml: health has no %s, which %s reads", name, rule.Alert)
			}
		}
	}
}

// mustPromtool runs promtool, or skips the test where it is not installed.
func mustPromtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("KEYVAL_REQUIRE_TOOLS") != "" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED, Prometheus read nothing of this: promtool is not installed (run: make tools)")
	}
	promtool := exec.Command(path, args...)
	promtool.Stdin = strings.NewReader(stdin)
	if output, err := promtool.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

func TestTheAlertsFireWhenTheyShouldAndOnlyThen(t *testing.T) {
	mustPromtool(t, "", "check", "rules", filepath.Join(root, "deploy/alerts.yaml"))
	mustPromtool(t, "", "test", "rules", filepath.Join(root, "deploy/alerts_test.yaml"))
}

func TestTheMetricsAreAsPrometheusWantsThem(t *testing.T) {
	mustPromtool(t, exposed(t), "check", "metrics")
}

// anchors are those that GitHub gives the headings of a page.
func anchors(page string) []string {
	var found []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		slug := regexp.MustCompile(`[^\w -]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		found = append(found, strings.ReplaceAll(slug, " ", "-"))
	}
	return found
}

func TestEveryAlertLinksToItsEntryInTheRunbook(t *testing.T) {
	const runbook = "https://github.com/buntime/keyval/blob/HEAD/docs/operations.md#"
	page, err := os.ReadFile(filepath.Join(root, "docs/operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	entries := anchors(string(page))
	alerts := make(map[string]bool)
	for _, rule := range mustBeRules(t) {
		alerts[rule.Alert] = true
		want := strings.ToLower(rule.Alert)
		if got := rule.Annotations["runbook_url"]; got != runbook+want {
			t.Errorf("%s has the runbook_url %q, want %q", rule.Alert, got, runbook+want)
		}
		if !slices.Contains(entries, want) {
			t.Errorf("docs/operations.md has no heading %s", rule.Alert)
		}
	}
	for _, heading := range regexp.MustCompile(`(?m)^### (Keyval\w+)$`).FindAllStringSubmatch(string(page), -1) {
		if !alerts[heading[1]] {
			t.Errorf("docs/operations.md has an entry for %s, which is no alert", heading[1])
		}
	}
}

// The page's job, and what it says to add to it where there is TLS, access control or
// Kubernetes.
func TestPrometheusAcceptsTheJobsOfThePage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	var job string
	var additions []string
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		switch text := block[1]; {
		case strings.Contains(text, "scrape_configs:"):
			job = text
		case strings.HasPrefix(text, "    "):
			additions = append(additions, text)
		}
	}
	if job == "" || len(additions) < 2 {
		t.Fatalf("found the job %q and %d additions", job, len(additions))
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"alerts.yaml": mustRead(t, "alerts.yaml"), "keyval-token": []byte("secret")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, addition := range append(additions, "") {
		// Debian builds Prometheus without what finds Kubernetes' pods.
		addition = strings.ReplaceAll(addition, "    kubernetes_sd_configs: [{role: pod}]\n", "")
		text := strings.ReplaceAll(job+addition, "/etc/prometheus/", dir+"/")
		file := filepath.Join(dir, "prometheus.yml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		mustPromtool(t, "", "check", "config", file)
	}
}
