package httpapi

import (
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

// The parameters in headers, for the document.
var (
	minVersionstamp = param{
		name: api.HeaderMinVersionstamp, schema: ref("Versionstamp"),
		doc: "The `Keyval-Versionstamp` of an earlier answer. A `session` read shows at least that state, whichever node it asks.",
	}
	idempotencyKey = param{
		name: api.HeaderIdempotencyKey, schema: &schema{Type: "string", MinLength: 1, MaxLength: maxIdempotencyKey},
		doc: "Makes it safe to send the request again: for 24 hours the same request with the same key is answered as the first time, without being carried out again.",
	}
	ifMatch = param{
		name: "If-Match", schema: text(""),
		doc: "`\"<versionstamp>\"`, or several separated by commas: only if the entry has one of these, else 412. `*`: only if it exists. A weak tag never matches.",
	}
	ifNoneMatch = param{
		name: "If-None-Match", schema: text(""),
		doc: "`*`: only if there is no such entry. `\"<versionstamp>\"`, or several: only if the entry has none of these. Else 412, and 304 for a read.",
	}
	versionstampAnswer = param{
		name: api.HeaderVersionstamp, schema: ref("Versionstamp"),
		doc: "A read's: the position of its snapshot. A write's: its own.",
	}
	etagAnswer = param{name: "ETag", schema: text(""), doc: "The entry's versionstamp in quotes."}
	replayed   = param{
		name: api.HeaderIdempotencyReplayed, schema: &schema{Type: "string", Const: "true"},
		doc: "This is the answer of an earlier request with the same `Idempotency-Key`.",
	}
)

// minVersionstamp parses Keyval-Min-Versionstamp.
func (c *call) minVersionstamp() (kv.Versionstamp, error) {
	header := c.r.Header[api.HeaderMinVersionstamp]
	if len(header) == 0 {
		return "", nil
	}
	v, err := kv.ParseVersionstamp(header[0])
	if err != nil {
		return "", invalidArgument("%s is %q, want 20 lower-case hex digits", api.HeaderMinVersionstamp, clip(header[0]))
	}
	return v, nil
}
