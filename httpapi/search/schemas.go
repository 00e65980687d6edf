package search

import (
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
)

var (
	fieldsSchema = &route.Schema{
		Type: "array", Items: route.Text(""), MinItems: 1,
		Description: "Paths of the fields whose text is searched, as in a filter: `title`, `meta.tags`, `items[0].name`.",
		Examples:    []any{[]any{"title", "body"}},
	}
	tokenizeSchema = &route.Schema{
		Type: "string", Enum: []any{"unicode61", "porter", "ascii"}, Default: "unicode61",
		Description: "How texts become words. `unicode61`: letters and digits of all scripts, without case and accents; `porter`: the same with English endings cut off; `ascii`: case is folded in ASCII alone.",
	}
	indexMembers = route.Members{"prefix": route.Ref("Prefix"), "fields": fieldsSchema, "tokenize": tokenizeSchema}
	dropMembers  = route.Members{"prefix": route.Ref("Prefix")}

	searchMembers = route.Members{
		"prefix":      route.Ref("Prefix"),
		"query":       route.Text(queryParam.Doc),
		"start":       route.Ref("Bound"),
		"end":         route.Ref("Bound"),
		"limit":       wire.LimitParam.Param().Schema,
		"reverse":     route.Boolean(reverseParam.Doc),
		"where":       route.Ref("Where"),
		"highlight":   route.Boolean(highlightParam.Doc),
		"consistency": route.Ref("Consistency"),
	}

	schemas = map[string]*route.Schema{
		"Index": route.Object(route.Members{
			"prefix": route.Ref("Prefix"), "fields": fieldsSchema, "tokenize": tokenizeSchema,
			"state":   {Type: "string", Enum: []any{"building", "ready"}, Description: "`building`: searches are refused with `index_building`."},
			"indexed": route.Integer("How many entries it has so far."),
		}, "prefix", "fields", "tokenize", "state", "indexed"),
		"Match": {
			Type: "object", Required: []string{"key", "value", "versionstamp"},
			Properties: route.Members{
				"key": route.Ref("Key"), "value": route.Ref("Value"), "versionstamp": route.Ref("Versionstamp"),
				"expiresAt": route.Integer("When it expires, in Unix milliseconds; absent if it does not."),
				"highlight": route.Text("With `highlight`: HTML of the best passage, in which `<mark>` stands around the words that were found and everything else is escaped."),
			},
			Examples: []any{map[string]any{
				"key": []any{"articles", 1}, "value": map[string]any{"title": "Salt & pepper"}, "versionstamp": "00000000000000010000",
				"highlight": "<mark>Salt</mark> &amp; pepper",
			}},
		},
	}
)
