package keys

import (
	"strings"
	"testing"

	"github.com/buntime/keyval/kv"
)

// secretBodies are bodies with a secret wherever a caller has something to say.
var secretBodies = map[string]func(*room, []byte) error{
	`{"checks":[{"key":["s3cret",1.5,{"__type":"bytes","value":"s3cret"}],"versionstamp":"s3cret"}]}`:  decodeAtomicBody,
	`{"mutations":[{"type":"s3cret","key":["s3cret",7771777],"value":"s3cret","expireIn":7771777.5}]}`: decodeAtomicBody,
	`{"mutations":[{"type":"set","key":["s3cret"],"value":{"s3cret":["s3cret\u00e9",7771777]},"expireIn":77717777717777}],
	"enqueue":[{"value":"s3cret","options":{"queue":"s3cret!","dedupeId":"s3cret","backoffSchedule":[7771777]}}]}`: decodeAtomicBody,
	`{"reads":[{"prefix":["s3cret"],"start":["s3cret"],"limit":-7771777}],"snapshot":"s3cret"}`: decodeAtomicBody,
	`{"prefix":["s3cret"],"end":["s3cret"],"limit":-7771777,"cursor":"s3cret","reverse":"s3cret","consistency":"s3cret"}`: func(_ *room, body []byte) error {
		req, err := decodeList(body, paginateMembers)
		if err == nil {
			_, err = req.selector(anyCall.Dialect)
		}
		if err == nil {
			_, err = kv.ParseConsistency(req.consistency)
		}
		return err
	},
	`{"s3cret":["s3cret\n",{"a":7771777}],"b":"s3cret"}`: func(_ *room, body []byte) error {
		_, err := kv.ParseValue(body, 40)
		return err
	},
}

func decodeAtomicBody(k *room, body []byte) error {
	_, _, err := k.decodeTransaction(body, anyCall)
	return err
}

func TestAMessageQuotesNothingOfABody(t *testing.T) {
	t.Parallel()
	k := mustRoom(t)
	for body, decode := range secretBodies {
		refused := 0
		for i := range len(body) {
			for _, damage := range []string{"", `"`, "}", "]", ",", "7", "\x01", "\xff", `\q`, `\ud83d`, `[[`} {
				broken := body[:i] + damage + body[i+1:]
				err := decode(k, []byte(broken))
				if err == nil {
					continue
				}
				refused++
				if text := err.Error(); leaks(text) && !strings.Contains(text, "unknown member") {
					t.Fatalf("%s\nis refused with %s", broken, text)
				}
			}
			if err := decode(k, []byte(body[:i])); err == nil || leaks(err.Error()) {
				t.Fatalf("%s\nis refused with %v", body[:i], err)
			}
		}
		if refused == 0 {
			t.Errorf("%s is never refused", body)
		}
	}
}

func leaks(message string) bool {
	return strings.Contains(message, "s3c") || strings.Contains(message, "cret") || strings.Contains(message, "777")
}
