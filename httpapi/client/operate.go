package client

import (
	"context"
	"net/http"

	"github.com/buntime/keyval/httpapi/api"
)

// Cluster tells the members of the cluster as the answering node sees them.
func (c *Client) Cluster(ctx context.Context) (api.ClusterStatus, error) {
	var status api.ClusterStatus
	err := c.do(ctx, call{op: "cluster", method: http.MethodGet, path: "/cluster", repeatable: true}, &status)
	return status, err
}

// Metrics returns the answering node's figures.
func (c *Client) Metrics(ctx context.Context) (api.Metrics, error) {
	var metrics api.Metrics
	header := http.Header{"Accept": {"application/json"}}
	err := c.do(ctx, call{op: "metrics", method: http.MethodGet, path: "/metrics", header: header, repeatable: true}, &metrics)
	return metrics, err
}
