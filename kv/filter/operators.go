package filter

import (
	"maps"
	"slices"
	"strings"
)

// An operator makes tests of its operands.
type operator struct {
	parse   func(p *parser, at spot, operand value) (test, error)
	negated bool
}

// operators are those that stand in a field.
var operators = map[string]operator{
	"$eq":           {parseEqual, false},
	"$ne":           {parseEqual, true},
	"$in":           {parseIn, false},
	"$nin":          {parseIn, true},
	"$gt":           {ordered(">"), false},
	"$gte":          {ordered(">="), false},
	"$lt":           {ordered("<"), false},
	"$lte":          {ordered("<="), false},
	"$between":      {parseBetween, false},
	"$contains":     {parseContains(false), false},
	"$notContains":  {parseContains(false), true},
	"$containsi":    {parseContains(true), false},
	"$notContainsi": {parseContains(true), true},
	"$startsWith":   {parseAffix(affix{}), false},
	"$startsWithi":  {parseAffix(affix{fold: true}), false},
	"$endsWith":     {parseAffix(affix{end: true}), false},
	"$endsWithi":    {parseAffix(affix{end: true, fold: true}), false},
	"$null":         {parseAsked(isNull), false},
	"$empty":        {parseAsked(isEmpty), false},
	"$notEmpty":     {parseAsked(isNotEmpty), false},
}

var operatorNames = strings.Join(slices.Sorted(maps.Keys(operators)), " ")
