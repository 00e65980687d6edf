package api

import (
	"encoding/json"
	"math"
	"math/big"
	"testing"
	"time"
)

func TestFiltersAreTheContractsJSON(t *testing.T) {
	beyond, _ := new(big.Int).SetString("9007199254740993", 10)
	age := Field("age")
	for want, w := range map[string]Where{
		`{"age":{"$eq":18}}`:                age.Eq(18),
		`{"age":{"$eq":null}}`:              age.Eq(nil),
		`{"age":{"$ne":"<18>"}}`:            age.Ne("<18>"),
		`{"age":{"$gt":18.5}}`:              age.Gt(18.5),
		`{"age":{"$gte":18}}`:               age.Gte(18),
		`{"age":{"$lt":18}}`:                age.Lt(18),
		`{"age":{"$lte":18}}`:               age.Lte(18),
		`{"age":{"$between":[18,"x"]}}`:     age.Between(18, "x"),
		`{"age":{"$in":["a",1,null]}}`:      age.In("a", 1, nil),
		`{"age":{"$in":[]}}`:                age.In(),
		`{"age":{"$nin":[true]}}`:           age.NotIn(true),
		`{"age":{"$contains":"a"}}`:         age.Contains("a"),
		`{"age":{"$containsi":"a"}}`:        age.ContainsFold("a"),
		`{"age":{"$notContains":1}}`:        age.NotContains(1),
		`{"age":{"$notContainsi":"a"}}`:     age.NotContainsFold("a"),
		`{"age":{"$startsWith":"a"}}`:       age.StartsWith("a"),
		`{"age":{"$startsWithi":"a"}}`:      age.StartsWithFold("a"),
		`{"age":{"$endsWith":"a"}}`:         age.EndsWith("a"),
		`{"age":{"$endsWithi":"a"}}`:        age.EndsWithFold("a"),
		`{"age":{"$null":false}}`:           age.Null(false),
		`{"age":{"$empty":true}}`:           age.Empty(),
		`{"age":{"$notEmpty":true}}`:        age.NotEmpty(),
		`{"$and":[]}`:                       And(),
		`{"$or":[]}`:                        Or(),
		`{"$not":{"age":{"$gt":1}}}`:        Not(age.Gt(1)),
		`{"age":{"$lt":{"$now":true}}}`:     age.Lt(Now()),
		`{"a":1}`:                           RawWhere(json.RawMessage(` {"a": 1}`)),
		`{"$and":[{},{"age":{"$gt":1}}]}`:   And(Where{}, age.Gt(1)),
		`{"a.b[0]":{"$eq":{"x":["<"]}}}`:    Field("a.b[0]").Eq(map[string]any{"x": []string{"<"}}),
		`{"[\"a.b\"].x[2]":{"$null":true}}`: Path("a.b", "x", 2).Null(true),
		`{"age":{"$gt":{"__type":"bigint","value":"9007199254740993"}}}`:   age.Gt(beyond),
		`{"age":{"$in":[{"__type":"bigint","value":"9007199254740993"}]}}`: age.In(beyond),
		`{"age":{"$gt":{"$now":true,"offset":-60000}}}`:                    age.Gt(Now().Add(-time.Minute)),
		`{"$or":[{"age":{"$gt":1}},{"$and":[{"age":{"$lt":2}}]}]}`:         Or(age.Gt(1), And(age.Lt(2))),
	} {
		if got, err := compact(w); err != nil || got != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
}

// compact marshals as the client does: without escapes for HTML's sake.
func compact(v any) (string, error) {
	text, err := operandJSON(v)
	return string(text), err
}

func TestAPathNamesMembersWhateverIsInThem(t *testing.T) {
	for want, p := range map[string]Place{
		`a.b_1.C`:            Path("a", "b_1", "C"),
		`["a.b"].x`:          Path("a.b", "x"),
		`x["a.b"]`:           Path("x", "a.b"),
		`items[0].x`:         Path("items", 0, "x"),
		`[0][1]`:             Path(0, 1),
		`["$and"]`:           Path("$and"),
		`[""]`:               Path(""),
		`["0"]`:              Path("0"),
		`["a[0]"]`:           Path("a[0]"),
		`["say \"hi\""]`:     Path(`say "hi"`),
		`["back\\slash"]`:    Path(`back\slash`),
		`["größe"]["a b"]`:   Path("größe", "a b"),
		`["a'b"]["a\u0000"]`: Path("a'b", "a\x00"),
	} {
		if got := p.String(); got != want || p.err != nil {
			t.Errorf("got %s, %v; want %s", got, p.err, want)
		}
	}
}

func TestAFilterThatIsNoneIsNeverSent(t *testing.T) {
	for name, w := range map[string]Where{
		"an operand without JSON":   Field("a").Eq(make(chan int)),
		"an operand of no number":   Field("a").In(1, math.NaN()),
		"a string that is no UTF-8": Field("a").Eq("\xff"),
		"a path that is no UTF-8":   Field("\xff").Eq(1),
		"a member that is no UTF-8": Path("\xff").Eq(1),
		"a step of another type":    Path(1.5).Eq(1),
		"a negative index":          Path("a", -1).Eq(1),
		"no JSON":                   RawWhere(json.RawMessage(`{"a"`)),
		"nothing":                   RawWhere(nil),
		"null":                      RawWhere(json.RawMessage(`null`)),
		"a nil bigint":              Field("a").Eq((*big.Int)(nil)),
		"within another one":        And(Not(Or(Field("a").Eq(make(chan int))))),
	} {
		if w.IsZero() {
			t.Errorf("%s: it is left out", name)
		}
		if got, err := json.Marshal(ListRequest{Where: w}); err == nil {
			t.Errorf("%s: it is %s", name, got)
		}
	}
}

func TestAFilterSurvivesTheWire(t *testing.T) {
	for _, want := range []string{`{}`, `{"where":{"a":{"$gt":1}}}`} {
		var req ListRequest
		if err := json.Unmarshal([]byte(want), &req); err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(req); err != nil || string(got) != want {
			t.Errorf("got %s, %v; want %s", got, err, want)
		}
	}
	var req ListRequest
	if err := json.Unmarshal([]byte(`{"where":null}`), &req); err != nil || !req.Where.IsZero() {
		t.Errorf("null is %+v, %v; want no filter", req.Where, err)
	}
}
