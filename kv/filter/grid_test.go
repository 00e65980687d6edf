package filter_test

import (
	"slices"
	"testing"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv/filter"
	"github.com/buntime/keyval/node/nodetest"
)

// gridDocuments have each kind of value in the member a, alone and in an array.
func gridDocuments() []string {
	values := slices.Concat([]string{"null", "true", "false", "[]", "{}", "[null]", `{"a":1}`, `[[]]`, `["a","B",true,1]`}, integers, doubles, infinite, texts, halves, likes)
	for _, digits := range integers {
		values = append(values, `{"__type":"bigint","value":"`+digits+`"}`, `{"value":"`+digits+`","__type":"bigint"}`)
	}
	documents := []string{"{}", "[]", `"a"`, "1", "null"}
	for _, v := range values {
		documents = append(documents, `{"a":`+v+`}`, `{"a":[0,`+v+`]}`)
	}
	for _, name := range names {
		documents = append(documents, "{"+name+":1}", `{"a":{`+name+`:"x"},`+name+":2}")
	}
	return documents
}

// gridFilters are each operator with operands of each kind, and each path, and the opposite
// of all of them, which tells what is false from what is unknown.
func gridFilters(t *testing.T) []*filter.Filter {
	var wheres []string
	add := func(operator string, operands ...string) {
		for _, o := range operands {
			wheres = append(wheres, `{"a":{"`+operator+`":`+o+`}}`)
		}
	}
	var numbers []string
	for _, digits := range integers {
		numbers = append(numbers, `{"__type":"bigint","value":"`+digits+`"}`)
	}
	numbers = slices.Concat(numbers, integers[:len(integers)-2], doubles, []string{`{"$now":true}`, `{"$now":true,"offset":5}`})
	strings := slices.Concat(texts)
	booleans := []string{"true", "false"}
	for _, operator := range []string{"$gt", "$gte", "$lt", "$lte"} {
		add(operator, slices.Concat(numbers, strings, booleans)...)
	}
	add("$eq", slices.Concat(numbers, strings, booleans, []string{"null"})...)
	add("$in", "[]", "[null]", "[null,1]", "[true,false]", `["a",1,true,null,{"$now":true}]`, `["","1"]`, `[1e19,{"__type":"bigint","value":"10000000000000000000"}]`)
	add("$contains", slices.Concat(numbers[:len(numbers)-2], strings, booleans)...)
	add("$containsi", slices.Concat(strings, booleans, []string{"1"})...)
	for _, operator := range []string{"$startsWith", "$endsWith", "$startsWithi", "$endsWithi"} {
		add(operator, strings...)
	}
	for _, operator := range []string{"$null", "$empty", "$notEmpty"} {
		add(operator, booleans...)
	}
	add("$between", `["A","a"]`, `[1,{"$now":true}]`, "[false,true]", "[2,1]", "[-1e19,1e19]")
	for _, path := range paths {
		quoted := string(sqldb.AppendString(nil, []byte(path)))
		wheres = append(wheres, "{"+quoted+`:{"$gt":0}}`, "{"+quoted+`:"x"}`, "{"+quoted+":null}")
	}
	var filters []*filter.Filter
	for _, where := range wheres {
		filters = append(filters, mustParse(t, where), mustParse(t, `{"$not":`+where+"}"))
	}
	return filters
}

func TestEveryOperatorSaysTheSameInGoAndSQLOfEveryKindOfValue(t *testing.T) {
	t.Parallel()
	var some []*filter.Filter
	for i, f := range gridFilters(t) {
		if i%5 == 0 {
			some = append(some, f)
		}
	}
	onEachEngine(t, func(t *testing.T, db *sqldb.DB) { runGrid(t, db, some) })
}

func TestSoakEveryOperatorSaysTheSameInGoAndSQLOfEveryKindOfValue(t *testing.T) {
	nodetest.OnlyInSoak(t)
	t.Parallel()
	onEachEngine(t, func(t *testing.T, db *sqldb.DB) { runGrid(t, db, gridFilters(t)) })
}

func runGrid(t *testing.T, db *sqldb.DB, filters []*filter.Filter) {
	documents := gridDocuments()
	for some := range slices.Chunk(filters, 200) {
		agree(t, db, documents, some)
	}
	t.Logf("%d documents, %d filters", len(documents), len(filters))
}
