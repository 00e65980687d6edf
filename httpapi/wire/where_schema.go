package wire

import "github.com/buntime/keyval/httpapi/route"

// whereSchema is a filter. Its members beside the three below are paths.
var whereSchema = &route.Schema{
	Type: "object",
	Properties: route.Members{
		"$and": {Type: "array", Items: route.Ref("Where"), Description: "All of them match. An empty one matches."},
		"$or":  {Type: "array", Items: route.Ref("Where"), Description: "One of them matches. An empty one does not match."},
		"$not": {AnyOf: []*route.Schema{route.Ref("Where")}, Description: "It does not match. What is unknown, as a comparison with a field that is not there, does not match either way."},
	},
	AdditionalProperties: route.Ref("WhereCondition"),
	Description: "A filter: an object of paths into the value (`a.b`, `items[0].x`, `[\"any name\"]`) and conditions, all of which must hold. " +
		"At most 32 deep, 1,000 nodes and 64 KiB.",
	Examples: []any{
		map[string]any{"age": map[string]any{"$gte": 18, "$lt": 65}, "address.city": "Lisboa"},
		map[string]any{"$or": []any{
			map[string]any{"tags": map[string]any{"$contains": "new"}},
			map[string]any{"seen": map[string]any{"$lt": map[string]any{"$now": true, "offset": -86400000}}},
		}},
	},
}

// whereCondition is what a path's value must be.
var whereCondition = &route.Schema{
	AnyOf:       []*route.Schema{whereOperand, route.Object(whereOperators)},
	Description: "A value, which the field must equal (`null`: it is null or missing), or operators, all of which must hold.",
	Examples:    []any{"text", map[string]any{"$between": []any{1, 9}}},
}

// whereOperand is a value to compare with.
var whereOperand = &route.Schema{
	AnyOf: []*route.Schema{
		{Type: []string{"string", "number", "boolean", "null"}},
		typed([]string{"bigint", "bigint"}, &route.Schema{Type: "string", Pattern: "^-?[0-9]+$"}),
		route.Object(route.Members{
			"$now":   route.Always(true),
			"offset": route.Integer("Milliseconds that are added."),
		}, "$now"),
	},
	Description: "`{\"$now\":true}` is the database's time, in ms. A number equals a bigint of the same value.",
}

var whereOperators = route.Members{
	"$eq":           operand("It equals this."),
	"$ne":           operand("It is there and does not equal this."),
	"$gt":           operand("It is greater: a number than a number, a string than a string by code points."),
	"$gte":          operand("It is greater or equal."),
	"$lt":           operand("It is less."),
	"$lte":          operand("It is less or equal."),
	"$between":      {Type: "array", Items: whereOperand, MinItems: 2, MaxItems: 2, Description: "It is neither less than the first nor greater than the second."},
	"$in":           {Type: "array", Items: whereOperand, Description: "It equals one of these."},
	"$nin":          {Type: "array", Items: whereOperand, Description: "It is there and equals none of these."},
	"$contains":     operand("A string has this within it, an array has an element that equals it."),
	"$notContains":  operand("It is there, and not so."),
	"$startsWith":   route.Text("A string begins with this."),
	"$endsWith":     route.Text("A string ends with this."),
	"$containsi":    operand("As `$contains`, in which ASCII letters are the same in both cases."),
	"$notContainsi": operand("It is there, and not so."),
	"$startsWithi":  route.Text("As `$startsWith`, likewise."),
	"$endsWithi":    route.Text("As `$endsWith`, likewise."),
	"$null":         route.Boolean("Whether it is null or missing."),
	"$empty":        route.Boolean("Whether it is null, missing, `\"\"`, `[]` or `{}`."),
	"$notEmpty":     route.Boolean("Whether it is none of these."),
}

func operand(doc string) *route.Schema {
	s := *whereOperand
	s.Description = doc
	return &s
}
