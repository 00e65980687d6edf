package keys

import "github.com/buntime/keyval/httpapi/route"

var atomicSchemas = map[string]*route.Schema{
	"SetKey": {
		OneOf: []*route.Schema{
			{
				Type: "array", MinItems: 1, MaxItems: 20,
				Items: &route.Schema{AnyOf: []*route.Schema{
					route.Ref("KeyPart"),
					route.Object(route.Members{"__type": route.Always("commitVersionstamp")}, "__type"),
				}},
			},
			route.Ref("WholeKey"),
		},
		Description: "A key. The last part of a `set`'s may be `{\"__type\":\"commitVersionstamp\"}`: a string part with the versionstamp of the commit.",
	},
	"Conflict": route.Object(route.Members{"key": route.Ref("Key"), "versionstamp": route.Ref("VersionstampOrNull")}, "key", "versionstamp"),
	"AtomicResult": {OneOf: []*route.Schema{
		route.Object(route.Members{
			"ok": route.Always(true), "versionstamp": route.Ref("Versionstamp"), "ids": route.Array(route.Text("The id of an enqueued message.")),
		}, "ok", "versionstamp"),
		route.Object(route.Members{"ok": route.Always(false), "conflicts": route.Array(route.Ref("Conflict"))}, "ok", "conflicts"),
	}},
	"TransactionResult": {OneOf: []*route.Schema{
		route.Object(route.Members{
			"ok": route.Always(true), "versionstamp": route.Ref("Versionstamp"), "ids": route.Array(route.Text("The id of an enqueued message.")),
			"reads": route.Array(&route.Schema{OneOf: []*route.Schema{route.Ref("EntryOrMissing"), route.Array(route.Ref("Entry"))}}),
		}, "ok", "versionstamp", "reads"),
		route.Object(route.Members{"ok": route.Always(false), "error": route.Always("conflict"), "conflicts": route.Array(route.Ref("Conflict"))}, "ok", "error", "conflicts"),
		route.Object(route.Members{"ok": route.Always(false), "error": route.Always("snapshot_too_old")}, "ok", "error"),
	}},
}
