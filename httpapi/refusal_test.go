package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
)

// A refusal is a request that can never succeed and what is said about it.
type refusal struct {
	name                 string
	method, target, body string
	headers              []string
	code                 api.Code
	says                 string // part of the message
}

var (
	manyBrackets = strings.Repeat("[", 100_000)
	deep         = strings.Repeat("[", 501) + strings.Repeat("]", 501)
	longPart     = strings.Repeat("x", 1025)
	manyParts    = strings.TrimSuffix(strings.Repeat("a/", 21), "/")
	longKey      = strings.TrimSuffix(strings.Repeat(strings.Repeat("k", 1000)+"/", 3), "/")
	stale        = `If-Match: "00000000000000000001"`
)

// listOf repeats an element in a JSON array.
func listOf(n int, element string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + "]"
}

var refusals = []refusal{
	// Keys in URLs.
	{"a key without parts", "GET", "/keys/", "", nil, api.InvalidKey, "no parts"},
	{"a key of slashes", "PUT", "/keys///", "1", nil, api.InvalidKey, "no parts"},
	{"too many parts", "GET", "/keys/" + manyParts, "", nil, api.InvalidKey, "more than 20"},
	{"a part too long", "PUT", "/keys/" + longPart, "1", nil, api.InvalidKey, "1,025 code points"},
	{"a key too long", "PUT", "/keys/" + longKey, "1", nil, api.InvalidKey, "2,048"},
	{"invalid UTF-8 in a key", "PUT", "/keys/%ff", "1", nil, api.InvalidKey, "UTF-8"},
	{"an inexact number", "PUT", "/keys/~n:9007199254740993", "1", nil, api.InvalidKey, "exactly"},
	{"a number that is none", "GET", "/keys/~n:x", "", nil, api.InvalidKey, "not a number"},
	{"a broken escape in a prefix", "GET", "/keys?prefix=%25zz", "", nil, api.InvalidKey, "escape"},
	{"a broken escape in the query", "GET", "/keys?prefix=%zz", "", nil, api.InvalidArgument, "malformed"},

	// Keys in bodies.
	{"an inexact number in a body", "POST", "/keys/batch", `{"keys":[[9007199254740993]]}`, nil, api.InvalidKey, "keys[0]"},
	{"an empty key in a body", "POST", "/keys/batch", `{"keys":[[]]}`, nil, api.InvalidKey, "keys[0]"},
	{"null as a key part", "POST", "/keys/batch", `{"keys":[["a",null]]}`, nil, api.InvalidKey, "part 2"},
	{"a number as a key", "POST", "/keys/batch", `{"keys":[1]}`, nil, api.InvalidKey, "array"},
	{"a versionstamp part in a read", "POST", "/keys/batch", `{"keys":[["a",{"__type":"commitVersionstamp"}]]}`, nil, api.InvalidKey, "commitVersionstamp"},
	{"a versionstamp part in the middle", "POST", "/atomic", `{"mutations":[{"type":"set","key":[{"__type":"commitVersionstamp"},"a"],"value":1}]}`, nil, api.InvalidKey, "last"},
	{"a versionstamp part in a sum", "POST", "/atomic", `{"mutations":[{"type":"sum","key":["a",{"__type":"commitVersionstamp"}],"value":1}]}`, nil, api.InvalidKey, "mutations[0]"},

	// JSON.
	{"no value", "PUT", "/keys/a", "", nil, api.InvalidJSON, ""},
	{"half a value", "PUT", "/keys/a", `{"x":`, nil, api.InvalidJSON, ""},
	{"two values", "PUT", "/keys/a", `1 2`, nil, api.InvalidJSON, ""},
	{"invalid UTF-8 in a value", "PUT", "/keys/a", "\"\xff\"", nil, api.InvalidJSON, "UTF-8"},
	{"a value too deep", "PUT", "/keys/a", deep, nil, api.InvalidJSON, "500"},
	{"100,000 brackets as a value", "PUT", "/keys/a", manyBrackets, nil, api.InvalidJSON, ""},
	{"100,000 brackets as a body", "POST", "/atomic", manyBrackets, nil, api.InvalidJSON, "500"},
	{"100,000 brackets in a body", "POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":` + manyBrackets, nil, api.InvalidJSON, ""},
	{"a value in a body too deep", "POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":` + deep + `}]}`, nil, api.InvalidJSON, "mutations[0]"},
	{"no body", "POST", "/atomic", "", nil, api.InvalidJSON, "ends early"},
	{"half a body", "POST", "/atomic", `{"mutations":[{"type":"set"`, nil, api.InvalidJSON, "ends early"},
	{"bytes after the body", "POST", "/atomic", `{} x`, nil, api.InvalidJSON, "after the body"},
	{"a second body", "POST", "/keys/list", `{}{}`, nil, api.InvalidJSON, "after the body"},
	{"invalid UTF-8 in a body", "POST", "/atomic", "{\"mutations\":[{\"type\":\"set\",\"key\":[\"a\"],\"value\":\"\xff\"}]}", nil, api.InvalidJSON, "UTF-8"},
	{"no JSON", "POST", "/keys/list", `prefix=a`, nil, api.InvalidJSON, ""},

	// What a route does not know, given twice, or of the wrong type.
	{"an unknown parameter", "GET", "/keys/a?consistencia=strong", "", nil, api.InvalidArgument, `"consistencia"`},
	{"an unknown parameter of a write", "PUT", "/keys/a?ttl=5", "1", nil, api.InvalidArgument, `"ttl"`},
	{"a parameter of another route", "GET", "/keys/count?limit=1", "", nil, api.InvalidArgument, `"limit"`},
	{"a parameter where there are none", "POST", "/atomic?dry=1", "{}", nil, api.InvalidArgument, `"dry"`},
	{"a parameter twice", "GET", "/keys?limit=1&limit=2", "", nil, api.InvalidArgument, "2 times"},
	{"an unknown member", "POST", "/atomic", `{"mutation":[]}`, nil, api.InvalidArgument, "mutation"},
	{"an unknown member further in", "POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":1,"expire":5}]}`, nil, api.InvalidArgument, "mutations[0].expire"},
	{"an unknown member of a check", "POST", "/atomic", `{"checks":[{"key":["a"],"version":null}]}`, nil, api.InvalidArgument, "checks[0].version"},
	{"an unknown member of a list", "POST", "/keys/list", `{"prefx":["a"]}`, nil, api.InvalidArgument, "prefx"},
	{"a member of another route", "POST", "/keys/count", `{"limit":1}`, nil, api.InvalidArgument, "limit"},
	{"an unknown member of a delete", "DELETE", "/keys/a", `{"exakt":true}`, nil, api.InvalidArgument, "exakt"},
	{"a member twice", "POST", "/keys/list", `{"limit":1,"limit":2}`, nil, api.InvalidArgument, "limit is given twice"},
	{"a member of the wrong type", "POST", "/atomic", `{"mutations":{}}`, nil, api.InvalidArgument, "mutations must be an array"},
	{"an element of the wrong type", "POST", "/atomic", `{"mutations":[1]}`, nil, api.InvalidArgument, "mutations[0] must be an object"},
	{"a text for a boolean", "POST", "/keys/list", `{"reverse":"true"}`, nil, api.InvalidArgument, "reverse"},
	{"a body that is an array", "POST", "/keys/batch", `[["a"]]`, nil, api.InvalidArgument, "object"},

	// Durations and limits.
	{"a fraction of a millisecond", "PUT", "/keys/a?expireIn=1.5", "1", nil, api.InvalidArgument, "expireIn"},
	{"a duration with a unit", "PUT", "/keys/a?expireIn=5s", "1", nil, api.InvalidArgument, "expireIn"},
	{"a duration of nothing", "PUT", "/keys/a?expireIn=0", "1", nil, api.InvalidArgument, "expireIn"},
	{"a duration too long", "PUT", "/keys/a?expireIn=2147483648", "1", nil, api.InvalidArgument, "expireIn"},
	{"two durations", "PUT", "/keys/a?expireIn=5&expiresIn=5", "1", nil, api.InvalidArgument, "give one"},
	{"a float for a duration", "POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":1,"expireIn":1.0}]}`, nil, api.InvalidArgument, "mutations[0].expireIn"},
	{"an exponent for a duration", "POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":1,"expireIn":1e3}]}`, nil, api.InvalidArgument, "mutations[0].expireIn"},
	{"a text for a duration", "POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":1,"expireIn":"1000"}]}`, nil, api.InvalidArgument, "mutations[0].expireIn"},
	{"a negative duration", "POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":1,"expireIn":-1}]}`, nil, api.InvalidArgument, "mutations[0].expireIn"},
	{"both names of a duration", "POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":1,"expireIn":1,"expiresIn":1}]}`, nil, api.InvalidArgument, "give one"},
	{"a limit of nothing", "GET", "/keys?limit=0", "", nil, api.InvalidArgument, "limit"},
	{"a negative limit", "POST", "/keys/list", `{"limit":-1}`, nil, api.InvalidArgument, "limit"},
	{"a limit that is no number", "GET", "/keys/paginate?limit=ten", "", nil, api.InvalidArgument, "limit"},
	{"no direction", "GET", "/keys?reverse=yes", "", nil, api.InvalidArgument, "reverse"},
	{"bounds in the wrong order", "GET", "/keys?start=b&end=a", "", nil, api.InvalidArgument, "start"},
	{"bounds in the wrong order in a body", "POST", "/keys/list", `{"start":["b"],"end":["a"]}`, nil, api.InvalidArgument, "start"},
	{"a bound outside of the prefix", "GET", "/keys?prefix=a&start=b", "", nil, api.InvalidArgument, "prefix"},
	{"no such consistency", "GET", "/keys/a?consistency=weak", "", nil, api.InvalidArgument, "consistency"},
	{"no such consistency in a body", "POST", "/keys/list", `{"consistency":"weak"}`, nil, api.InvalidArgument, "consistency"},
	{"no keys", "POST", "/keys/batch", `{"keys":[]}`, nil, api.InvalidArgument, "1 to 1000"},
	{"no keys at all", "POST", "/keys/batch", `{}`, nil, api.InvalidArgument, "1 to 1000"},
	{"no keys to delete", "POST", "/keys/delete-batch", `{}`, nil, api.InvalidArgument, "1 to 1000"},

	// Versionstamps, positions, cursors, conditions.
	{"a malformed position", "GET", "/keys/a", "", []string{"Keyval-Min-Versionstamp: 12"}, api.InvalidArgument, "Keyval-Min-Versionstamp"},
	{"an upper-case position", "GET", "/keys", "", []string{"Keyval-Min-Versionstamp: 0000000000000000000A"}, api.InvalidArgument, "Keyval-Min-Versionstamp"},
	{"a position from the future", "GET", "/keys/a", "", []string{"Keyval-Min-Versionstamp: ffffffffffffffffffff"}, api.InvalidArgument, "newer"},
	{"a check without a versionstamp", "POST", "/atomic", `{"checks":[{"key":["a"]}]}`, nil, api.InvalidArgument, "checks[0] has no versionstamp"},
	{"a check without a key", "POST", "/atomic", `{"checks":[{"versionstamp":null}]}`, nil, api.InvalidArgument, "checks[0] has no key"},
	{"a malformed versionstamp", "POST", "/atomic", `{"checks":[{"key":["a"],"versionstamp":"1"}]}`, nil, api.InvalidArgument, "checks[0].versionstamp"},
	{"a malformed snapshot", "POST", "/transaction", `{"snapshot":"1"}`, nil, api.InvalidArgument, "snapshot"},
	{"a snapshot from the future", "POST", "/transaction", `{"reads":[{"key":["a"]}],"snapshot":"ffffffffffffffffffff"}`, nil, api.InvalidArgument, "newer"},
	{"a damaged cursor", "GET", "/keys/paginate?cursor=AAAA", "", nil, api.InvalidCursor, "damaged"},
	{"a cursor that is none", "POST", "/keys/paginate", `{"cursor":"%%%"}`, nil, api.InvalidCursor, "damaged"},
	{"a malformed If-Match", "PUT", "/keys/a", "1", []string{"If-Match: 00000000000000000001"}, api.InvalidArgument, "If-Match"},
	{"an If-None-Match without quotes", "GET", "/keys/kept", "", []string{"If-None-Match: nonsense"}, api.InvalidArgument, "If-None-Match"},
	{"a star in a list", "PUT", "/keys/a", "1", []string{"If-Match: *, " + stale[len("If-Match: "):]}, api.InvalidArgument, "If-Match"},
	{"a star in a list of two lines", "PUT", "/keys/a", "1", []string{"If-None-Match: *", "If-None-Match: *"}, api.InvalidArgument, "If-None-Match"},
	{"an open quote", "PUT", "/keys/a", "1", []string{`If-Match: "0`}, api.InvalidArgument, "If-Match"},
	{"tags without a comma", "PUT", "/keys/a", "1", []string{`If-Match: "a" "b"`}, api.InvalidArgument, "If-Match"},
	{"a condition of nothing", "PUT", "/keys/kept", "1", []string{"If-Match: ,"}, api.InvalidArgument, "If-Match"},
	{"a condition of a delete of a subtree", "DELETE", "/keys/kept?children=true", "", []string{stale}, api.InvalidArgument, "exact=true"},
	{"a condition for a subtree", "DELETE", "/keys/a?children=true", "", []string{stale}, api.InvalidArgument, "exact"},
	{"an If-Match that is none of ours", "PUT", "/keys/kept", "1", []string{`If-Match: "5f0c954e-4d51-4a6e-9a0b-5d7a6f8d1c11"`}, api.PreconditionFailed, ""},
	{"an If-Match that is none of ours, where there is no entry", "PUT", "/keys/a", "1", []string{`If-Match: "x"`}, api.PreconditionFailed, ""},
	{"a stale If-Match", "PUT", "/keys/kept", "1", []string{stale}, api.PreconditionFailed, ""},
	{"any version of what is not there", "PUT", "/keys/a", "1", []string{"If-Match: *"}, api.PreconditionFailed, ""},
	{"a tag that is none of ours", "PUT", "/keys/kept", "1", []string{`If-Match: "x"`}, api.PreconditionFailed, ""},
	{"a star in quotes", "PUT", "/keys/kept", "1", []string{`If-Match: "*"`}, api.PreconditionFailed, ""},
	{"a stale If-Match of a read", "GET", "/keys/kept", "", []string{stale}, api.PreconditionFailed, ""},
	{"conditions of which one holds", "PUT", "/keys/kept", "1", []string{"If-Match: *", "If-None-Match: *"}, api.PreconditionFailed, ""},
	{"a condition of a read of nothing", "GET", "/keys/missing", "", []string{"If-Match: *"}, api.NotFound, ""},

	// Encodings.
	{"a compressed value", "PUT", "/keys/a", "1", []string{"Content-Encoding: gzip"}, api.UnsupportedMediaType, "Content-Encoding"},
	{"a compressed body", "POST", "/atomic", "{}", []string{"Content-Encoding: identity", "Content-Encoding: BR"}, api.UnsupportedMediaType, ""},
	{"a compressed body of a delete", "DELETE", "/keys/kept", "{}", []string{"Content-Encoding: zstd"}, api.UnsupportedMediaType, ""},
	{"a compressed body of a read", "POST", "/keys/list", "{}", []string{"Content-Encoding: identity, deflate"}, api.UnsupportedMediaType, ""},

	// Null.
	{"null for an unknown member", "POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":1,"expire":null}]}`, nil, api.InvalidArgument, "mutations[0].expire"},
	{"null for a member that must be there", "POST", "/atomic", `{"mutations":[{"type":"set","key":null,"value":1}]}`, nil, api.InvalidArgument, "no key"},
	{"null for keys that must be there", "POST", "/keys/batch", `{"keys":null}`, nil, api.InvalidArgument, "1 to 1000"},
	{"null for a member, given again", "POST", "/keys/list", `{"limit":null,"limit":2}`, nil, api.InvalidArgument, "limit is given twice"},

	// Consistency.
	{"another consistency in the query", "POST", "/keys/list?consistency=strong", `{"consistency":"eventual"}`, nil, api.InvalidArgument, "consistency"},
	{"another consistency of a batch", "POST", "/keys/batch?consistency=strong", `{"keys":[["a"]],"consistency":"eventual"}`, nil, api.InvalidArgument, "consistency"},
	{"no consistency in the query", "POST", "/keys/count?consistency=", `{}`, nil, api.InvalidArgument, "consistency"},
	{"an empty consistency in the body", "POST", "/keys/count", `{"consistency":""}`, nil, api.InvalidArgument, "consistency"},

	// Times.
	{"an offset of now that is no integer", "POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":{"$now":true,"offset":"5"}}]}`, nil, api.InvalidValue, "mutations[0]"},
	{"a stale If-Match of a delete", "DELETE", "/keys/kept", "", []string{stale}, api.PreconditionFailed, ""},
	{"an If-None-Match of an entry that exists", "PUT", "/keys/kept", "1", []string{"If-None-Match: *"}, api.PreconditionFailed, ""},
	{"an idempotency key too long", "PUT", "/keys/a", "1", []string{"Idempotency-Key: " + strings.Repeat("k", 129)}, api.InvalidArgument, "Idempotency-Key"},

	// Mutations.
	{"no type", "POST", "/atomic", `{"mutations":[{"key":["a"],"value":1}]}`, nil, api.InvalidArgument, "type"},
	{"no such type", "POST", "/atomic", `{"mutations":[{"type":"put","key":["a"],"value":1}]}`, nil, api.InvalidArgument, "must be set, delete"},
	{"no key", "POST", "/atomic", `{"mutations":[{"type":"set","value":1}]}`, nil, api.InvalidArgument, "no key"},
	{"a set without a value", "POST", "/atomic", `{"mutations":[{"type":"set","key":["a"]}]}`, nil, api.InvalidArgument, "no value"},
	{"a delete with a value", "POST", "/atomic", `{"mutations":[{"type":"delete","key":["kept"],"value":1}]}`, nil, api.InvalidArgument, "delete"},
	{"a sum of no integer", "POST", "/atomic", `{"mutations":[{"type":"sum","key":["n"],"value":"x"}]}`, nil, api.InvalidValue, "mutations[0]"},
	{"a sum of a fraction", "POST", "/atomic", `{"mutations":[{"type":"sum","key":["n"],"value":1.5}]}`, nil, api.InvalidValue, ""},
	{"an append of no array", "POST", "/atomic", `{"mutations":[{"type":"append","key":["n"],"value":1}]}`, nil, api.InvalidValue, "array"},
	{"a sum beyond exact numbers", "POST", "/atomic", `{"mutations":[{"type":"sum","key":["n"],"value":9007199254740992}]}`, nil, api.OutOfRange, ""},
	{"a sum that overflows", "POST", "/atomic", `{"mutations":[{"type":"set","key":["before"],"value":1},{"type":"sum","key":["n"],"value":9007199254740991}]}`, nil, api.OutOfRange, ""},
	{"a sum to a text", "POST", "/atomic", `{"mutations":[{"type":"set","key":["before"],"value":1},{"type":"sum","key":["kept"],"value":1}]}`, nil, api.TypeMismatch, ""},
	{"an append to a number", "POST", "/atomic", `{"mutations":[{"type":"append","key":["n"],"value":[1]}]}`, nil, api.TypeMismatch, ""},
	{"a read of a key and a list", "POST", "/transaction", `{"reads":[{"key":["a"],"limit":1}]}`, nil, api.InvalidArgument, "reads[0]"},
	{"a read of nothing", "POST", "/transaction", `{"reads":[{}]}`, nil, api.InvalidArgument, "reads[0]"},
	{"an unknown member of a read", "POST", "/transaction", `{"reads":[{"prefix":[],"cursor":"x"}]}`, nil, api.InvalidArgument, "reads[0].cursor"},

	// Deleting.
	{"everything by accident", "DELETE", "/keys", "", nil, api.InvalidArgument, "all=true"},
	{"everything by an empty prefix", "DELETE", "/keys?prefix=", "", nil, api.InvalidArgument, "all=true"},
	{"a prefix and everything", "DELETE", "/keys?prefix=a&all=true", "", nil, api.InvalidArgument, "contradict"},
	{"a prefix and keys", "DELETE", "/keys?prefix=a", `{"keys":[["b"]]}`, nil, api.InvalidArgument, "give one"},
	{"an exact delete of a subtree", "DELETE", "/keys/a?exact=true&children=true", "", nil, api.InvalidArgument, "contradict"},
	{"a query against a body", "DELETE", "/keys/a?exact=true", `{"exact":false}`, nil, api.InvalidArgument, "contradict"},
	{"a subtree of everything", "POST", "/keys/delete-batch", `{"keys":[[]]}`, nil, api.InvalidKey, "keys[0]"},
	{"everything by an empty body", "DELETE", "/keys", `{}`, nil, api.InvalidArgument, "all=true"},
	{"everything by an empty body of a POST", "POST", "/keys/delete-batch", `{}`, nil, api.InvalidArgument, "all=true"},
	{"everything by an empty filter", "DELETE", "/keys", `{"where":{}}`, nil, api.InvalidArgument, "where matches everything"},
	{"everything by a filter of no conditions", "POST", "/keys/delete-batch", `{"where":{"$and":[]}}`, nil, api.InvalidArgument, "where matches everything"},
	{"everything by filters of no conditions", "POST", "/keys/delete-batch", `{"where":{"$or":[{"a":1},{"$and":[{},{}]}]}}`, nil, api.InvalidArgument, "where matches everything"},
	{"everything by an empty prefix and an empty filter", "DELETE", "/keys?prefix=", `{"where":{}}`, nil, api.InvalidArgument, "where matches everything"},
	{"what matches of no keys", "POST", "/keys/delete-batch", `{"keys":[],"where":{"a":1}}`, nil, api.InvalidArgument, "1 to 1000 keys"},
	{"keys and everything", "DELETE", "/keys?all=true", `{"keys":[["b"]],"where":{"a":1}}`, nil, api.InvalidArgument, "give one"},
	{"what matches exactly of a prefix", "DELETE", "/keys?prefix=kept", `{"exact":true,"where":{"a":1}}`, nil, api.InvalidArgument, "exact is for keys"},
	{"what matches exactly of nothing", "POST", "/keys/delete-batch", `{"exact":true,"where":{"a":1}}`, nil, api.InvalidArgument, "exact is for keys"},
	{"a condition on all that match", "DELETE", "/keys/kept", `{"where":{}}`, []string{stale}, api.InvalidArgument, "exact=true"},
	{"a filter in a query", "GET", "/keys?where=%7B%7D", "", nil, api.InvalidArgument, `"where"`},
	{"a filter in the query of a page", "GET", "/keys/paginate?where=%7B%7D", "", nil, api.InvalidArgument, `"where"`},
	{"a filter in the query of a count", "GET", "/keys/count?where=%7B%7D", "", nil, api.InvalidArgument, `"where"`},
	{"a filter in the query of a delete", "DELETE", "/keys?prefix=kept&where=%7B%7D", "", nil, api.InvalidArgument, `"where"`},
	{"a filter of a read in a transaction", "POST", "/transaction", `{"reads":[{"prefix":[],"where":{}}]}`, nil, api.InvalidArgument, "reads[0].where"},

	// Limits.
	{"a value too large", "PUT", "/keys/a", `"` + strings.Repeat("x", 1<<20) + `"`, nil, api.TooLarge, "1,048,576"},
	{"a body too large", "PUT", "/keys/a", strings.Repeat(" ", 5<<20) + "1", nil, api.TooLarge, ""},
	{"a value of a body too large", "POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":"` + strings.Repeat("x", 1<<20) + `"}]}`, nil, api.TooLarge, "mutations[0]"},
	{"an atomic body too large", "POST", "/atomic", `{"mutations":[]` + strings.Repeat(" ", 4<<20) + "}", nil, api.TooLarge, ""},
	{"too many keys", "POST", "/keys/batch", `{"keys":` + listOf(1001, `["a"]`) + `}`, nil, api.TooLarge, "keys"},
	{"too many keys to delete", "POST", "/keys/delete-batch", `{"keys":` + listOf(1001, `["a"]`) + `}`, nil, api.TooLarge, "keys"},
	{"too many checks", "POST", "/atomic", `{"checks":` + listOf(1001, `{"key":["a"],"versionstamp":null}`) + `}`, nil, api.TooLarge, "checks"},
	{"too many mutations", "POST", "/atomic", `{"mutations":` + listOf(1001, `{"type":"delete","key":["kept"]}`) + `}`, nil, api.TooLarge, "mutations"},
	{"a filter too long", "POST", "/keys/delete-batch", `{"keys":[["kept"]],"where":{"a":"` + strings.Repeat("x", 64<<10) + `"}}`, nil, api.TooLarge, "where has more than 65536 bytes"},
	{"too many reads", "POST", "/transaction", `{"reads":` + listOf(1001, `{"key":["a"]}`) + `}`, nil, api.TooLarge, "reads"},

	// Routes.
	{"no such route", "GET", "/nothing", "", nil, api.NotFound, "/docs shows them all"},
	{"no such route below the base path", "GET", basePath + "/nothing", "", nil, api.NotFound, "route"},
	{"no search yet", "GET", "/search?prefix=a&query=b", "", nil, api.NotFound, "route"},
	{"no such entry", "GET", "/keys/missing", "", nil, api.NotFound, "entry"},
	{"no such method", "PATCH", "/keys/a", "{}", nil, api.MethodNotAllowed, ""},
	{"no such method here", "GET", "/atomic", "", nil, api.MethodNotAllowed, ""},
	{"a method that nobody knows", "BREW", "/keys/a", "", nil, api.MethodNotAllowed, ""},
}

func TestARequestThatCannotSucceedIsRefusedAndWritesNothing(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		f.must("PUT", "/keys/kept", `"text"`)
		f.must("PUT", "/keys/n", `9007199254740991`)
		before := f.everything()
		for _, r := range refusals {
			t.Run(r.name, func(t *testing.T) {
				r.check(t, f.do(r.method, r.target, r.body, r.headers...))
				if after := f.everything(); after != before {
					t.Errorf("it changed the entries: got %s, want %s", after, before)
				}
			})
		}
	})
}

func (r *refusal) check(t *testing.T, got reply) {
	t.Helper()
	var body api.ErrorBody
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatalf("status %d, body %q: %v", got.status, got.body, err)
	}
	if body.Code != r.code || got.status != r.code.Status() {
		t.Errorf("got %d %s (%s), want %d %s", got.status, body.Code, body.Message, r.code.Status(), r.code)
	}
	if !strings.Contains(body.Message, r.says) {
		t.Errorf("message: got %q, want it to say %q", body.Message, r.says)
	}
	if len(got.body) > 1000 {
		t.Errorf("the message has %d bytes; it must not repeat what was sent", len(got.body))
	}
}

func TestAForeignCursorIsRefused(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	for i := range 3 {
		f.must("PUT", fmt.Sprintf("/keys/a/%d", i), "1")
	}
	var page api.Page
	if err := json.Unmarshal([]byte(f.must("GET", "/keys/paginate?prefix=a&limit=1", "").body), &page); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"", "prefix=b&", "prefix=a&reverse=true&", "prefix=a&start=a/1&", "prefix=a&end=a/2&"} {
		r := refusal{code: api.InvalidCursor}
		r.check(t, f.do("GET", "/keys/paginate?"+query+"cursor="+*page.Cursor, ""))
	}
	f.must("GET", "/keys/paginate?prefix=a&limit=7&cursor="+*page.Cursor, "")
}

func TestAMutationThatCannotApplyIsNamedWithoutItsKey(t *testing.T) {
	t.Parallel()
	f := mustServe(t)
	f.must("PUT", "/keys/s3cret", "true")
	got := f.do("POST", "/atomic", `{"mutations":[{"type":"set","key":["a"],"value":1},{"type":"sum","key":["s3cret"],"value":1}]}`)
	r := refusal{code: api.TypeMismatch, says: "mutations[1]"}
	r.check(t, got)
	if strings.Contains(got.body, "s3cret") {
		t.Errorf("the message quotes the body: %s", got.body)
	}
}
