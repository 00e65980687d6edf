package operate

import "github.com/buntime/keyval/httpapi/route"

var operatingSchemas = map[string]*route.Schema{
	"Health": route.Object(route.Members{"status": route.Always("ok")}, "status"),
	"Metrics": {
		Type: "object", Required: []string{"operations"},
		Properties: route.Members{
			"operations": {
				Type:        "object",
				Description: "By operation, since the node started. A missing key and a condition that did not hold are no errors.",
				AdditionalProperties: route.Object(route.Members{
					"count": route.Integer(""), "errors": route.Integer(""), "avgLatencyMs": {Type: "number"},
				}, "count", "errors", "avgLatencyMs"),
			},
			"queue":   {Type: "object"},
			"storage": {Type: "object", Description: "Sampled at most once a minute."},
			"cluster": {Type: "object"},
		},
	},
	"Cluster": route.Object(route.Members{
		"node": route.Object(route.Members{
			"id": route.Text(""), "version": route.Text(""), "httpAddr": route.Text(""), "startedAt": route.Integer("Unix milliseconds."),
		}, "id", "version", "httpAddr", "startedAt"),
		"leader": {
			Type: []string{"object", "null"}, Required: []string{"id", "httpAddr"},
			Properties: route.Members{"id": route.Text(""), "httpAddr": route.Text("")},
		},
		"epoch": route.Integer("Of the newest leader that this node knows."),
		"members": route.Array(route.Object(route.Members{
			"id": route.Text(""), "httpAddr": route.Text(""), "gossipAddr": route.Text(""), "raftAddr": route.Text(""),
			"status": {Type: "string", Enum: []any{"alive", "suspect", "dead", "left"}},
			"role":   {Type: "string", Enum: []any{"voter", "nonvoter"}},
			"leader": route.Boolean(""),
		}, "id", "httpAddr", "gossipAddr", "raftAddr", "status", "role", "leader")),
		"versionstamps": route.Object(route.Members{
			"primary": route.Ref("VersionstampOrNull"), "replica": route.Ref("VersionstampOrNull"), "tail": route.Ref("VersionstampOrNull"),
		}, "primary", "replica", "tail"),
		"indexes": {
			Type: "object", Required: []string{"ready", "building", "indexed"},
			Properties: route.Members{
				"ready": route.Integer(""), "building": route.Integer(""),
				"indexed": route.Integer("How many entries those that are being built have so far."),
			},
			Description: "The full-text indexes; `GET /indexes` tells of each. Missing while the database does not answer.",
		},
	}, "node", "leader", "epoch", "members", "versionstamps"),
}
