package httpapi

import (
	"strings"

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
		doc: "`\"<versionstamp>\"`: only if the entry has this versionstamp, else 412.",
	}
	ifNoneMatchAny = param{
		name: "If-None-Match", schema: &schema{Type: "string", Const: "*"},
		doc: "`*`: only if there is no such entry, else 412.",
	}
	ifNoneMatch = param{
		name: "If-None-Match", schema: text(""),
		doc: "The `ETag` of an earlier answer: 304 if it still holds.",
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

// etag is a versionstamp as an entity tag.
func etag(v kv.Versionstamp) string { return `"` + string(v) + `"` }

// parseETag returns the versionstamp of one strong entity tag. A tag that is none of
// ours is one that no entry has.
func parseETag(name, tag string) (kv.Versionstamp, error) {
	tag = strings.TrimSpace(tag)
	if len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return "", invalidArgument("%s is %q, want one versionstamp in quotes", name, clip(tag))
	}
	v, err := kv.ParseVersionstamp(tag[1 : len(tag)-1])
	if err != nil {
		return kv.ForeignVersionstamp, nil
	}
	return v, nil
}

// matchesETag reports whether an If-None-Match header names v. Tags that are not
// ours just do not match, and weak ones compare as strong ones do (RFC 9110,
// 13.1.2).
func matchesETag(header string, v kv.Versionstamp) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || tag == etag(v) {
			return true
		}
	}
	return false
}
