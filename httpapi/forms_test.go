package httpapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/buntime/keyval/httpapi/api"
)

// forms are values that stand for what JSON has no type for, by the name of it.
var forms = map[string]string{
	"u64":    `{"__type":"u64","value":"18446744073709551615"}`,
	"bytes":  `{"__type":"bytes","value":"AP8B"}`,
	"bigint": `{"__type":"bigint","value":"-123456789012345678901234567890"}`,
	"v8":     `{"__type":"v8","value":"/w9EAAAAAAAAAAA=","text":"1970-01-01T00:00:00.000Z"}`,
	"other":  `{"__type":"other","value":7,"more":[null]}`,
}

func TestATypedValueIsKeptByteForByteAndFoundByItsType(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		for name, form := range forms {
			f.must("PUT", "/keys/"+name, form)
			if got, want := f.must("GET", "/keys/"+name, "").body, `{"key":["`+name+`"],"value":`+form+`,`; !strings.HasPrefix(got, want) {
				t.Errorf("%s: got %s, want %s", name, got, want)
			}
			f.must("POST", "/atomic", `{"mutations":[{"type":"set","key":["`+name+`"],"value":`+form+`}]}`)
			if got := f.must("POST", "/keys/batch", `{"keys":[["`+name+`"]]}`).body; !strings.Contains(got, `"value":`+form+`,`) {
				t.Errorf("%s, written by an operation: got %s", name, got)
			}
		}
		for name := range forms {
			got := listed(t, f.must("POST", "/keys/list", `{"where":{"__type":"`+name+`"}}`).body)
			if !slices.Equal(got, []string{`["` + name + `"]`}) {
				t.Errorf("where __type is %s: got %q", name, got)
			}
		}
	})
}

func TestASumKeepsAU64(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, f *fixture) {
		change := func(kind, operand string) reply {
			return f.do("POST", "/atomic", `{"mutations":[{"type":"`+kind+`","key":["n"],"value":`+operand+`}]}`)
		}
		for _, c := range []struct{ kind, operand, want string }{
			{"sum", `{"__type":"u64","value":"7"}`, "7"},
			{"sum", `1`, "8"},
			{"sum", `"-2"`, "6"},
			{"max", `{"value":"18446744073709551614","__type":"u64"}`, "18446744073709551614"},
			{"sum", `{"__type":"bigint","value":"1"}`, "18446744073709551615"},
			{"min", `9`, "9"},
		} {
			if got := change(c.kind, c.operand); got.status != 200 {
				t.Fatalf("%s of %s: %d %s", c.kind, c.operand, got.status, got.body)
			}
			want := fmt.Sprintf(`"value":{"__type":"u64","value":%q},`, c.want)
			if got := f.must("GET", "/keys/n", "").body; !strings.Contains(got, want) {
				t.Errorf("%s of %s: got %s, want %s", c.kind, c.operand, got, want)
			}
		}
		for operand, code := range map[string]api.Code{
			`-10`: api.OutOfRange,
			`{"__type":"u64","value":"18446744073709551615"}`: api.OutOfRange,
			`{"__type":"u64","value":"07"}`:                   api.InvalidValue,
			`{"__type":"u64","value":7}`:                      api.InvalidValue,
			`{"__type":"bytes","value":"AA=="}`:               api.InvalidValue,
		} {
			if got := change("sum", operand); got.status != 400 || !strings.Contains(got.body, `"code":"`+string(code)+`"`) {
				t.Errorf("sum of %s: %d %s, want %s", operand, got.status, got.body, code)
			}
		}
	})
}
