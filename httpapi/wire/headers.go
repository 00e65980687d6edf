package wire

import (
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
)

// The parameters in headers, for the document.
var (
	MinVersionstamp = route.Param{
		Name: api.HeaderMinVersionstamp, Schema: route.Ref("Versionstamp"),
		Doc: "The `Keyval-Versionstamp` of an earlier answer. A `session` read shows at least that state, whichever node it asks.",
	}
	IdempotencyKey = route.Param{
		Name: api.HeaderIdempotencyKey, Schema: &route.Schema{Type: "string", MinLength: 1, MaxLength: maxIdempotencyKey},
		Doc: "Makes it safe to send the request again: for 24 hours the same request with the same key is answered as the first time, without being carried out again.",
	}
	IfMatch = route.Param{
		Name: "If-Match", Schema: route.Text(""),
		Doc: "`\"<versionstamp>\"`, or several separated by commas: only if the entry has one of these, else 412. `*`: only if it exists. A weak tag never matches.",
	}
	IfNoneMatch = route.Param{
		Name: "If-None-Match", Schema: route.Text(""),
		Doc: "`*`: only if there is no such entry. `\"<versionstamp>\"`, or several: only if the entry has none of these. Else 412, and 304 for a read.",
	}
	VersionstampAnswer = route.Param{
		Name: api.HeaderVersionstamp, Schema: route.Ref("Versionstamp"),
		Doc: "A read's: the position of its snapshot. A write's: its own.",
	}
	ETagAnswer = route.Param{Name: "ETag", Schema: route.Text(""), Doc: "The entry's versionstamp in quotes."}
	Replayed   = route.Param{
		Name: api.HeaderIdempotencyReplayed, Schema: &route.Schema{Type: "string", Const: "true"},
		Doc: "This is the answer of an earlier request with the same `Idempotency-Key`.",
	}
)

// minVersionstamp parses Keyval-Min-Versionstamp.
func minVersionstamp(c *route.Call) (kv.Versionstamp, error) {
	header := c.Request.Header[api.HeaderMinVersionstamp]
	if len(header) == 0 {
		return "", nil
	}
	v, err := kv.ParseVersionstamp(header[0])
	if err != nil {
		return "", route.InvalidArgument("%s is %q, want 20 lower-case hex digits", api.HeaderMinVersionstamp, route.Clip(header[0]))
	}
	return v, nil
}

// SetVersionstamp tells the position that the answer shows.
func SetVersionstamp(c *route.Call, v kv.Versionstamp) { c.SetVersionstamp(api.Versionstamp(v)) }
