package kvconnect

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
)

// versions are those of the protocol that are spoken, the best one first.
var versions = []int{3, 2}

// metadataRequest is what a client begins with.
type metadataRequest struct {
	SupportedVersions []int `json:"supportedVersions"`
}

// metadata is the answer. npm's client takes no other member.
type metadata struct {
	Version    int                `json:"version"`
	DatabaseID string             `json:"databaseId"`
	Endpoints  []metadataEndpoint `json:"endpoints"`
	Token      string             `json:"token"`
	ExpiresAt  string             `json:"expiresAt"`
}

type metadataEndpoint struct {
	URL         string `json:"url"`
	Consistency string `json:"consistency"`
}

func (r *room) metadataRoute() route.Route {
	return route.Route{
		Method: http.MethodPost, Pattern: "/", Op: "kvconnect_metadata", Tag: tag, Scope: access.AnyToken,
		Summary: "Open the database from Deno",
		Doc:     "The metadata exchange of KV Connect: where the data is, and a data token for a day in exchange for the token. The URLs are relative to the one that was asked, unless the node has a `--public-url`.",
		Body:    &route.Body{Schema: metadataRequestSchema, Optional: true, MaxBytes: 16 << 10},
		Answers: []route.Answer{{Status: 200, Doc: "The metadata.", Schema: metadataSchema}},
		Errors:  []api.Code{api.InvalidJSON, api.Timeout}, StatusOf: statusOf,
		Serve: r.metadata,
	}
}

var (
	metadataRequestSchema = route.Object(route.Members{"supportedVersions": route.Array(route.Integer("2 and 3 are supported."))})
	metadataSchema        = route.Object(route.Members{
		"version": route.Integer("The best version that both know."), "databaseId": route.Text("A UUID."),
		"endpoints": route.Array(route.Object(route.Members{
			"url": route.Text("To put `/snapshot_read` and so on behind."), "consistency": route.Text("`strong` or `eventual`."),
		}, "url", "consistency")),
		"token": route.Text("For the data path."), "expiresAt": route.Text("When the token ends, RFC 3339."),
	}, "version", "databaseId", "endpoints", "token", "expiresAt")
)

func (r *room) metadata(ctx context.Context, c *route.Call) error {
	version, err := negotiate(c)
	if err != nil {
		return err
	}
	id, err := r.DatabaseID(ctx)
	if err != nil {
		return err
	}
	token, expires, err := r.Tokens.Issue(ctx, c.Grant)
	if err != nil {
		return err
	}
	c.SetHeader("Cache-Control", "no-store")
	c.Out = route.AppendJSON(c.Out, metadata{
		Version: version, DatabaseID: id, Endpoints: r.endpoints(),
		Token: token, ExpiresAt: expires.UTC().Format(time.RFC3339),
	})
	return nil
}

// negotiate finds the best version that the client knows, too. One that names none knows
// the first one alone.
func negotiate(c *route.Call) (int, error) {
	body, err := c.ReadBody()
	if err != nil {
		return 0, err
	}
	var req metadataRequest
	if len(body) > 0 {
		if err := json.Unmarshal(body, &req); err != nil {
			return 0, route.InvalidJSON("the metadata request: %v", err)
		}
	}
	for _, version := range versions {
		if slices.Contains(req.SupportedVersions, version) {
			return version, nil
		}
	}
	return 0, route.InvalidArgument("this server speaks the versions 2 and 3 of KV Connect, the client none of them")
}

// endpoints are relative where the public URL is not known: a client takes them from
// the URL that it has asked, whatever names this node has.
func (r *room) endpoints() []metadataEndpoint {
	base := r.PublicURL
	if base == "" {
		base = "."
	}
	var all []metadataEndpoint
	for _, e := range endpoints {
		all = append(all, metadataEndpoint{URL: base + e.path, Consistency: e.name})
	}
	return all
}
