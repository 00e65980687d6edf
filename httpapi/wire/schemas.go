package wire

import "github.com/buntime/keyval/httpapi/route"

// typed is a key part that JSON has no type for.
func typed(names []string, value *route.Schema) *route.Schema {
	modern := route.Object(route.Members{"__type": route.Always(names[0]), "value": value}, "__type", "value")
	original := route.Object(route.Members{"type": route.Always(names[1]), "value": value}, "type", "value")
	return &route.Schema{OneOf: []*route.Schema{modern, original}}
}

// Schemas are those that all rooms refer to.
var Schemas = map[string]*route.Schema{
	"Error": {
		Type: "object", Required: []string{"error", "code"},
		Properties: route.Members{
			"error":        route.Text("A sentence for a person."),
			"code":         route.Text("The error's stable name."),
			"reason":       route.Text("Tells one kind within the code from the others: `position_ahead`, with `invalid_argument`, for a position that is newer than the database, and `query_syntax` for the query of a search that is none."),
			"oldest":       route.Ref("Versionstamp"),
			"deletedCount": route.Integer("How many entries or messages a delete in several commits had deleted before."),
		},
	},
	"KeyPart": {
		Description: "A string of at most 1,024 code points, a finite number, a boolean, a bigint or at most 1,024 bytes. A number from 2^53 on that a double cannot hold exactly is refused.",
		AnyOf: []*route.Schema{
			{Type: []string{"string", "number", "boolean"}},
			typed([]string{"bigint", "bigint"}, &route.Schema{Type: "string", Pattern: "^-?[0-9]+$"}),
			typed([]string{"bytes", "Uint8Array"}, route.Text("base64url")),
		},
	},
	"Key": {
		OneOf: []*route.Schema{
			{Type: "array", Items: route.Ref("KeyPart"), MinItems: 1, MaxItems: 20},
			route.Ref("WholeKey"),
		},
		Description: "Parts from the outermost to the innermost. Order: bytes, strings, bigints, numbers, booleans.",
		Examples:    []any{[]any{"users", 42}},
	},
	"WholeKey": {
		Type: "object", Required: []string{"__type", "value"}, AdditionalProperties: false,
		Properties: route.Members{
			"__type": route.Always("key"), "value": route.Text("base64, answers with padding"),
		},
		Description: "The bytes, 1 to 2,048, of a key that no parts make: Deno's KV Connect may have stored it. Any other key may be given so, too.",
	},
	"Prefix": {
		Type: "array", Items: route.Ref("KeyPart"), MaxItems: 20,
		Description: "A key of parts, or [] for all.",
	},
	"Bound": {
		OneOf:       []*route.Schema{{Type: "array", Items: route.Ref("KeyPart"), MaxItems: 20}, route.Ref("WholeKey")},
		Description: "A key, or [] for no bound.",
	},
	"Value": {
		Description: "Any JSON. An object of `__type` and `value` stands for what JSON has no type for: Deno's `KvU64` (`u64`), a `bigint`, `bytes`, or a value in V8's serialisation (`v8`).",
		Examples: []any{
			map[string]any{"name": "Ann"},
			map[string]string{"__type": "u64", "value": "7"},
			map[string]string{"__type": "bigint", "value": "-123"},
			map[string]string{"__type": "bytes", "value": "AP8B"},
			map[string]string{"__type": "v8", "value": "/w9EAAAAAAAAAAA=", "text": "1970-01-01T00:00:00.000Z"},
		},
	},
	"Where":          whereSchema,
	"WhereCondition": whereCondition,
	"Consistency":    {Type: "string", Enum: []any{"session", "strong", "eventual"}, Description: ConsistencyParam.Doc},
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
		Properties: route.Members{
			"key": route.Ref("Key"), "value": route.Ref("Value"), "versionstamp": route.Ref("Versionstamp"), "expiresAt": expiresAt,
		},
	},
	"EntryOrMissing": {
		Type: "object", Required: []string{"key", "value", "versionstamp"},
		Properties: route.Members{
			"key": route.Ref("Key"), "value": route.Ref("Value"), "versionstamp": route.Ref("VersionstampOrNull"), "expiresAt": expiresAt,
		},
		Description: "A missing key has `null` for value and versionstamp.",
	},
	"Page": route.Object(route.Members{
		"entries": route.Array(route.Ref("Entry")),
		"cursor":  {Type: []string{"string", "null"}, Description: "Where the next page begins; null after the last one."},
		"hasMore": route.Boolean("Whether there is a next page."),
	}, "entries", "cursor", "hasMore"),
	"Count":   route.Object(route.Members{"count": route.Integer("How many entries there are.")}, "count"),
	"Written": route.Object(route.Members{"ok": route.Always(true), "versionstamp": route.Ref("Versionstamp")}, "ok", "versionstamp"),
	"Deleted": route.Object(route.Members{
		"success":      route.Always(true),
		"deletedCount": route.Integer("How many entries there were."),
	}, "success", "deletedCount"),
}

const versionstampPattern = "^[0-9a-f]{20}$"

var expiresAt = route.Integer("When it expires, in Unix milliseconds; absent if it does not.")
