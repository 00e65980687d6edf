package deploy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// exposed returns what a node writes at /metrics/prometheus after it has been used
// a little, because a metric with labels is there only once it has counted.
func exposed(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	dir := t.TempDir()
	secrets := exec.CommandContext(ctx, keyval, "cluster", "secrets", "--out=.", "--node=a")
	secrets.Dir = dir
	if output, err := secrets.CombinedOutput(); err != nil {
		t.Fatalf("make secrets: %v: %s", err, output)
	}
	node := exec.CommandContext(ctx, keyval, "serve", "--ephemeral",
		"--http-addr=127.0.0.1:0", "--gossip-addr=127.0.0.1:0", "--raft-addr=127.0.0.1:0",
		"--raft-tls-cert=nodes/a/raft.pem", "--raft-tls-key=nodes/a/raft.key", "--raft-tls-ca=nodes/a/raft-ca.pem", "--raft-tls-name=keyval")
	node.Dir = dir
	output, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = node.Wait()
	}()
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(strings.TrimPrefix(line, "keyval: serving on "))
	mustAsk(t, "PUT", url+"/keys/a", `1`)
	mustAsk(t, "GET", url+"/keys/a", "")
	mustAsk(t, "POST", url+"/queue/enqueue", `{"value":1,"options":{"maxAttempts":1}}`)
	var taken struct{ Message struct{ ID, Receipt string } }
	if err := json.Unmarshal([]byte(mustAsk(t, "GET", url+"/queue/dequeue", "")), &taken); err != nil {
		t.Fatal(err)
	}
	mustAsk(t, "POST", url+"/queue/nack/"+taken.Message.ID, `{"receipt":"`+taken.Message.Receipt+`"}`)
	mustAsk(t, "POST", url+"/queue/enqueue", `{"value":1}`)
	if err := json.Unmarshal([]byte(mustAsk(t, "GET", url+"/queue/dequeue", "")), &taken); err != nil {
		t.Fatal(err)
	}
	mustAsk(t, "POST", url+"/queue/ack/"+taken.Message.ID, "")
	mustAsk(t, "POST", url+"/queue/enqueue", `{"value":1}`)
	return mustAsk(t, "GET", url+"/metrics/prometheus", "")
}

func mustAsk(t *testing.T, method, url, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s, error %v: %s", method, url, response.Status, err, answer)
	}
	return string(answer)
}

// metricsOf returns the names of the metrics that a PromQL expression reads.
func metricsOf(t *testing.T, where, expression string) []string {
	t.Helper()
	// Grafana fills in its own variables.
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(strings.ReplaceAll(expression, "$__rate_interval", "5m"))
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return nil
	}
	var names []string
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			names = append(names, selector.Name)
		}
		return nil
	})
	if len(names) == 0 {
		t.Errorf("%s reads no metric", where)
	}
	return names
}

func TestAlertsAndDashboardReadMetricsThatANodeHas(t *testing.T) {
	expressions := make(map[string]string)
	for _, rule := range mustBeRules(t) {
		expressions["alert "+rule.Alert] = rule.Expr
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(mustRead(t, "dashboard.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			expressions["panel "+panel.Title+": "+target.Expr] = target.Expr
		}
	}
	if len(expressions) < 20 {
		t.Fatalf("only %d expressions were found", len(expressions))
	}
	metrics := exposed(t)
	for where, expression := range expressions {
		for _, name := range metricsOf(t, where, expression) {
			// "up" is Prometheus' own.
			if name != "up" && !strings.Contains(metrics, "\n"+name+"{") && !strings.Contains(metrics, "\n"+name+" ") {
				t.Errorf("%s: a node has no metric %s", where, name)
			}
		}
	}
}
