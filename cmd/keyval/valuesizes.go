package main

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// valueSizes are the least and the greatest size of a value, in bytes.
type valueSizes [2]int

// valueSizesMapper reads one size, or two with a dash between.
type valueSizesMapper struct{}

func (valueSizesMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popText(ctx)
	if err != nil {
		return err
	}
	sizes, err := parseValueSizes(text)
	if err != nil {
		return err
	}
	target.Set(reflect.ValueOf(sizes))
	return nil
}

func parseValueSizes(text string) (valueSizes, error) {
	low, high, isRange := strings.Cut(text, "-")
	if !isRange {
		high = low
	}
	least, err := parseSize(low)
	if err != nil {
		return valueSizes{}, err
	}
	most, err := parseSize(high)
	if err != nil {
		return valueSizes{}, err
	}
	if least < 1 || least > most || most > 1<<30 {
		return valueSizes{}, fmt.Errorf("%q is no range of sizes; use one such as 100 or 10-1024", text)
	}
	return valueSizes{int(least), int(most)}, nil
}
