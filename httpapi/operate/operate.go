package operate

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
)

// operatingRoutes are those for whoever runs the node.
func (o *room) operatingRoutes() []route.Route {
	health := []route.Answer{{Status: 200, Doc: "Yes.", Schema: route.Ref("Health")}}
	alive := route.Route{
		Method: http.MethodGet, Pattern: "/healthz", Op: "healthz", Tag: Tag, Scope: access.Open,
		Summary: "Is the process alive?",
		Answers: health,
		Serve:   o.healthz,
	}
	ready := route.Route{
		Method: http.MethodGet, Pattern: "/readyz", Op: "readyz", Tag: Tag, Scope: access.Open,
		Summary: "Should the node get requests?",
		Doc:     "503 names the check that failed.",
		Answers: health,
		Errors:  []api.Code{api.Unavailable},
		Serve:   o.readyz,
	}
	return []route.Route{
		alive, ready,
		{
			Method: http.MethodGet, Pattern: "/metrics", Op: "metrics", Tag: Tag, Scope: access.Admin,
			Summary: "Metrics, in JSON or for Prometheus",
			Doc:     "A section that cannot be found out at the moment, because the database is away, is missing. Prometheus text instead of JSON when `Accept` asks for `text/plain` or OpenMetrics.",
			Answers: []route.Answer{{Status: 200, Doc: "The metrics.", Schema: route.Ref("Metrics")}},
			Serve:   o.getMetrics,
		},
		{
			Method: http.MethodGet, Pattern: "/metrics/prometheus", Op: "metrics", Alias: "prometheus", Tag: Tag, Scope: access.Admin,
			Summary: "Metrics for Prometheus",
			Answers: []route.Answer{{Status: 200, Doc: "Prometheus text.", ContentType: "text/plain", Schema: &route.Schema{Type: "string"}}},
			Serve:   o.getPrometheus,
		},
		{
			Method: http.MethodGet, Pattern: "/cluster", Op: "cluster", Tag: Tag, Scope: access.Admin,
			Summary: "The node, its leader and the members of the cluster",
			Answers: []route.Answer{{Status: 200, Doc: "What this node knows.", Schema: route.Ref("Cluster")}},
			Serve:   o.getCluster,
		},
	}
}

func (o *room) healthz(_ context.Context, c *route.Call) error {
	c.Out = append(c.Out, `{"status":"ok"}`...)
	return nil
}

func (o *room) readyz(ctx context.Context, c *route.Call) error {
	c.SetHeader("Cache-Control", "no-store")
	if c.Frame.Draining() {
		return notReady(c, "draining", route.Draining)
	}
	for _, check := range o.Checks {
		if err := check.Ready(ctx); err != nil {
			return notReady(c, check.Name, err)
		}
	}
	return o.healthz(ctx, c)
}

// notReady names the check that failed, for everybody to read; the log has the rest.
func notReady(c *route.Call, check string, reason error) error {
	text := "check " + check + " failed: " + c.Frame.Told(reason).Reason
	if c.Frame.CodeOf(reason) == api.Internal {
		text = "check " + check + " failed; the log has more under the id of this request"
	}
	return &route.Refusal{Code: api.Unavailable, Text: text, Hidden: reason}
}

func (o *room) getMetrics(ctx context.Context, c *route.Call) error {
	if wantsPrometheus(c.Request.Header.Get("Accept")) {
		return o.getPrometheus(ctx, c)
	}
	operations, err := c.Frame.Operations()
	if err != nil {
		return err
	}
	sections := map[string]any{"operations": operations}
	for name, snapshot := range o.Sections {
		section, err := snapshot(ctx)
		if err != nil {
			c.LogFailure(ctx, fmt.Errorf("section %s of the metrics: %w", name, err))
			continue // the others are wanted most while something fails
		}
		sections[name] = section
	}
	c.Out = route.AppendJSON(c.Out, sections)
	return nil
}

// wantsPrometheus tells a scraper's Accept from others.
func wantsPrometheus(accept string) bool {
	return strings.Contains(accept, "text/plain") || strings.Contains(accept, "application/openmetrics-text")
}

// getPrometheus leaves the format to the library: who asks for OpenMetrics sees exemplars.
func (o *room) getPrometheus(_ context.Context, c *route.Call) error {
	promhttp.HandlerFor(o.Gatherer, promhttp.HandlerOpts{DisableCompression: true, EnableOpenMetrics: true}).ServeHTTP(collected{c}, c.Request)
	c.ContentType = c.Writer.Header().Get("Content-Type")
	return nil
}

// collected takes an answer as a route's, so that it is sent like all others.
type collected struct{ c *route.Call }

func (w collected) Header() http.Header { return w.c.Writer.Header() }

func (w collected) WriteHeader(status int) { w.c.Status = status }

func (w collected) Write(p []byte) (int, error) {
	w.c.Out = append(w.c.Out, p...)
	return len(p), nil
}

func (o *room) getCluster(ctx context.Context, c *route.Call) error {
	status := api.ClusterStatus{Node: o.Node, Members: []api.Member{}}
	if o.Cluster != nil {
		status.Leader, status.Epoch = o.Cluster.Leader()
		status.Members = append(status.Members, o.Cluster.Members()...)
	}
	if o.Positions != nil {
		status.Versionstamps = o.Positions()
	}
	if o.Indexes != nil {
		status.Indexes = o.Indexes(ctx)
	}
	c.Out = route.AppendJSON(c.Out, status)
	return nil
}
