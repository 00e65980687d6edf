package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/buntime/keyval/httpapi/api"
)

// operatingRoutes are those for whoever runs the node.
func (s *Server) operatingRoutes() []route {
	health := []answerSpec{{status: 200, doc: "Yes.", schema: ref("Health")}}
	alive := route{
		method: http.MethodGet, pattern: "/healthz", op: "healthz", tag: tagOperating, scope: open,
		summary: "Is the process alive?",
		answers: health,
		serve:   s.healthz,
	}
	ready := route{
		method: http.MethodGet, pattern: "/readyz", op: "readyz", tag: tagOperating, scope: open,
		summary: "Should the node get requests?",
		doc:     "503 names the check that failed.",
		answers: health,
		errors:  []api.Code{api.Unavailable},
		serve:   s.readyz,
	}
	return []route{
		alive, ready,
		{
			method: http.MethodGet, pattern: "/metrics", op: "metrics", tag: tagOperating, scope: read,
			summary: "Metrics, in JSON or for Prometheus",
			doc:     "A section that cannot be found out at the moment, because the database is away, is missing. Prometheus text instead of JSON when `Accept` asks for `text/plain` or OpenMetrics.",
			answers: []answerSpec{{status: 200, doc: "The metrics.", schema: ref("Metrics")}},
			serve:   s.getMetrics,
		},
		{
			method: http.MethodGet, pattern: "/metrics/prometheus", op: "metrics", alias: "prometheus", tag: tagOperating, scope: read,
			summary: "Metrics for Prometheus",
			answers: []answerSpec{{status: 200, doc: "Prometheus text.", contentType: "text/plain", schema: &schema{Type: "string"}}},
			serve:   s.getPrometheus,
		},
		{
			method: http.MethodGet, pattern: "/cluster", op: "cluster", tag: tagOperating, scope: read,
			summary: "The node, its leader and the members of the cluster",
			answers: []answerSpec{{status: 200, doc: "What this node knows.", schema: ref("Cluster")}},
			serve:   s.getCluster,
		},
	}
}

func (s *Server) healthz(_ context.Context, c *call) error {
	c.out = append(c.out, `{"status":"ok"}`...)
	return nil
}

func (s *Server) readyz(ctx context.Context, c *call) error {
	c.setHeader("Cache-Control", "no-store")
	if s.draining.Load() {
		return notReady{check: "draining", reason: errDraining}
	}
	for _, check := range s.cfg.Checks {
		if err := check.Ready(ctx); err != nil {
			return notReady{check: check.Name, reason: err}
		}
	}
	return s.healthz(ctx, c)
}

// notReady names the check that failed.
type notReady struct {
	check  string
	reason error
}

// Error is for everybody to read; cause has the rest.
func (e notReady) Error() string {
	if codeOf(e.reason) == api.Internal {
		return "check " + e.check + " failed; the log has more under the id of this request"
	}
	return "check " + e.check + " failed: " + told(e.reason).reason
}

// Unwrap makes it 503, whatever the reason is.
func (e notReady) Unwrap() error { return errDraining }

func (s *Server) getMetrics(ctx context.Context, c *call) error {
	if wantsPrometheus(c.r.Header.Get("Accept")) {
		return s.getPrometheus(ctx, c)
	}
	operations, err := s.metrics.operations()
	if err != nil {
		return err
	}
	sections := map[string]any{"operations": operations}
	for name, snapshot := range s.snapshots {
		section, err := snapshot(ctx)
		if err != nil {
			c.logFailure(ctx, codeOf(err), fmt.Errorf("section %s of the metrics: %w", name, err))
			continue // the others are wanted most while something fails
		}
		sections[name] = section
	}
	c.out = appendJSON(c.out, sections)
	return nil
}

// wantsPrometheus tells a scraper's Accept from others.
func wantsPrometheus(accept string) bool {
	return strings.Contains(accept, "text/plain") || strings.Contains(accept, "application/openmetrics-text")
}

// getPrometheus leaves the format to the library.
func (s *Server) getPrometheus(_ context.Context, c *call) error {
	promhttp.HandlerFor(s.cfg.Gatherer, promhttp.HandlerOpts{DisableCompression: true}).ServeHTTP(collected{c}, c.r)
	c.contentType = c.w.Header().Get("Content-Type")
	return nil
}

// collected takes an answer as a route's, so that it is sent like all others.
type collected struct{ c *call }

func (w collected) Header() http.Header { return w.c.w.Header() }

func (w collected) WriteHeader(status int) { w.c.status = status }

func (w collected) Write(p []byte) (int, error) {
	w.c.out = append(w.c.out, p...)
	return len(p), nil
}

func (s *Server) getCluster(_ context.Context, c *call) error {
	status := api.ClusterStatus{Node: s.cfg.Node, Members: []api.Member{}}
	if s.cfg.Cluster != nil {
		status.Leader, status.Epoch = s.cfg.Cluster.Leader()
		status.Members = append(status.Members, s.cfg.Cluster.Members()...)
	}
	if s.cfg.Positions != nil {
		status.Versionstamps = s.cfg.Positions()
	}
	c.out = appendJSON(c.out, status)
	return nil
}
