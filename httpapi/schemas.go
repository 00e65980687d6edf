package httpapi

import "maps"

// schemas are those that routes refer to by name. Each group of routes has a map
// of its own.
func (s *Server) schemas() map[string]*schema {
	all := make(map[string]*schema)
	for _, group := range []map[string]*schema{keySchemas, atomicSchemas, operatingSchemas} {
		maps.Copy(all, group)
	}
	return all
}

// typed is a key part that JSON has no type for.
func typed(names []string, value *schema) *schema {
	modern := object(members{"__type": always(names[0]), "value": value}, "__type", "value")
	original := object(members{"type": always(names[1]), "value": value}, "type", "value")
	return &schema{OneOf: []*schema{modern, original}}
}

var keySchemas = map[string]*schema{
	"Error": {
		Type: "object", Required: []string{"error", "code"},
		Properties: members{
			"error":        text("A sentence for a person."),
			"code":         text("The error's stable name."),
			"reason":       text("Tells one kind within the code from the others: `position_ahead`, with `invalid_argument`, for a position that is newer than the database."),
			"oldest":       ref("Versionstamp"),
			"deletedCount": integer("How many entries or messages a delete in several commits had deleted before."),
		},
	},
	"KeyPart": {
		Description: "A string of at most 1,024 code points, a finite number, a boolean, a bigint or at most 1,024 bytes. A number from 2^53 on that a double cannot hold exactly is refused.",
		AnyOf: []*schema{
			{Type: []string{"string", "number", "boolean"}},
			typed([]string{"bigint", "bigint"}, &schema{Type: "string", Pattern: "^-?[0-9]+$"}),
			typed([]string{"bytes", "Uint8Array"}, text("base64url")),
		},
	},
	"Key": {
		Type: "array", Items: ref("KeyPart"), MinItems: 1, MaxItems: 20,
		Description: "Parts from the outermost to the innermost. Order: bytes, strings, bigints, numbers, booleans.",
		Examples:    []any{[]any{"users", 42}},
	},
	"Prefix": {
		Type: "array", Items: ref("KeyPart"), MaxItems: 20,
		Description: "A key, or [] for all.",
	},
	"Value":       {Description: "Any JSON."},
	"Where":       {Type: "object", Description: "A filter. Not available in this version: a request with it is refused."},
	"Consistency": {Type: "string", Enum: []any{"session", "strong", "eventual"}, Description: consistencyParam.doc},
	"Versionstamp": {
		Type: "string", Pattern: versionstampPattern,
		Description: "The place of an operation in commit order. Opaque, but string order is commit order.",
	},
	"VersionstampOrNull": {
		Type: []string{"string", "null"}, Pattern: versionstampPattern,
		Description: "`null`: there is no such entry.",
	},
	"Entry": {
		Type: "object", Required: []string{"key", "value", "versionstamp"},
		Properties: members{
			"key": ref("Key"), "value": ref("Value"), "versionstamp": ref("Versionstamp"), "expiresAt": expiresAt,
		},
	},
	"EntryOrMissing": {
		Type: "object", Required: []string{"key", "value", "versionstamp"},
		Properties: members{
			"key": ref("Key"), "value": ref("Value"), "versionstamp": ref("VersionstampOrNull"), "expiresAt": expiresAt,
		},
		Description: "A missing key has `null` for value and versionstamp.",
	},
	"Page": object(members{
		"entries": array(ref("Entry")),
		"cursor":  {Type: []string{"string", "null"}, Description: "Where the next page begins; null after the last one."},
		"hasMore": boolean("Whether there is a next page."),
	}, "entries", "cursor", "hasMore"),
	"Count":   object(members{"count": integer("How many entries there are.")}, "count"),
	"Written": object(members{"ok": always(true), "versionstamp": ref("Versionstamp")}, "ok", "versionstamp"),
	"Deleted": object(members{
		"success":      always(true),
		"deletedCount": integer("How many entries there were."),
	}, "success", "deletedCount"),
}

const versionstampPattern = "^[0-9a-f]{20}$"

var expiresAt = integer("When it expires, in Unix milliseconds; absent if it does not.")

var atomicSchemas = map[string]*schema{
	"SetKey": {
		Type: "array", MinItems: 1, MaxItems: 20,
		Items: &schema{AnyOf: []*schema{
			ref("KeyPart"),
			object(members{"__type": always("commitVersionstamp")}, "__type"),
		}},
		Description: "A key. The last part of a `set`'s may be `{\"__type\":\"commitVersionstamp\"}`: a string part with the versionstamp of the commit.",
	},
	"Conflict": object(members{"key": ref("Key"), "versionstamp": ref("VersionstampOrNull")}, "key", "versionstamp"),
	"AtomicResult": {OneOf: []*schema{
		object(members{
			"ok": always(true), "versionstamp": ref("Versionstamp"), "ids": array(text("The id of an enqueued message.")),
		}, "ok", "versionstamp"),
		object(members{"ok": always(false), "conflicts": array(ref("Conflict"))}, "ok", "conflicts"),
	}},
	"TransactionResult": {OneOf: []*schema{
		object(members{
			"ok": always(true), "versionstamp": ref("Versionstamp"), "ids": array(text("The id of an enqueued message.")),
			"reads": array(&schema{OneOf: []*schema{ref("EntryOrMissing"), array(ref("Entry"))}}),
		}, "ok", "versionstamp", "reads"),
		object(members{"ok": always(false), "error": always("conflict"), "conflicts": array(ref("Conflict"))}, "ok", "error", "conflicts"),
		object(members{"ok": always(false), "error": always("snapshot_too_old")}, "ok", "error"),
	}},
}

var operatingSchemas = map[string]*schema{
	"Health": object(members{"status": always("ok")}, "status"),
	"Metrics": {
		Type: "object", Required: []string{"operations"},
		Properties: members{
			"operations": {
				Type:        "object",
				Description: "By operation, since the node started. A missing key and a condition that did not hold are no errors.",
				AdditionalProperties: object(members{
					"count": integer(""), "errors": integer(""), "avgLatencyMs": {Type: "number"},
				}, "count", "errors", "avgLatencyMs"),
			},
			"queue":   {Type: "object"},
			"storage": {Type: "object", Description: "Sampled at most once a minute."},
			"cluster": {Type: "object"},
		},
	},
	"Cluster": object(members{
		"node": object(members{
			"id": text(""), "version": text(""), "httpAddr": text(""), "startedAt": integer("Unix milliseconds."),
		}, "id", "version", "httpAddr", "startedAt"),
		"leader": {
			Type: []string{"object", "null"}, Required: []string{"id", "httpAddr"},
			Properties: members{"id": text(""), "httpAddr": text("")},
		},
		"epoch": integer("Of the newest leader that this node knows."),
		"members": array(object(members{
			"id": text(""), "httpAddr": text(""), "gossipAddr": text(""), "raftAddr": text(""),
			"status": {Type: "string", Enum: []any{"alive", "suspect", "dead", "left"}},
			"role":   {Type: "string", Enum: []any{"voter", "nonvoter"}},
			"leader": boolean(""),
		}, "id", "httpAddr", "gossipAddr", "raftAddr", "status", "role", "leader")),
		"versionstamps": object(members{
			"primary": ref("VersionstampOrNull"), "replica": ref("VersionstampOrNull"), "tail": ref("VersionstampOrNull"),
		}, "primary", "replica", "tail"),
	}, "node", "leader", "epoch", "members", "versionstamps"),
}

// keyInPath is the key that a path ends in.
var keyInPath = param{
	name: "key", schema: text(""),
	doc: "The parts of the key, separated by `/`, each percent-encoded: `users/42`. A canonical integer is a number; `~s:` `~n:` `~i:` `~b:` `~x:` before a part say string, number, bigint, boolean, bytes (base64url).",
}
