package main

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/buntime/keyval/node"
)

// explain makes a mapper's errors say which setting has the bad value and where
// that is from, and checks the setting's enumeration.
func (l *layers) explain(mapper kong.Mapper) kong.Mapper { return explained{mapper, l} }

func (l *layers) explainBool() kong.BoolMapper { return explainedBool{explained{boolMapper{}, l}} }

type explained struct {
	mapper kong.Mapper
	layers *layers
}

func (e explained) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	err := e.mapper.Decode(ctx, target)
	if err == nil {
		err = checkEnum(ctx.Value, target)
	}
	if err == nil || ctx.Value.Flag == nil {
		return err
	}
	return &node.SettingError{Setting: ctx.Value.Name, Source: e.layers.source(ctx.Value.Name), Problem: err.Error()}
}

func checkEnum(value *kong.Value, target reflect.Value) error {
	if value.Enum == "" || slices.Contains(value.EnumSlice(), target.String()) {
		return nil
	}
	allowed := slices.DeleteFunc(value.EnumSlice(), func(s string) bool { return s == "" })
	return fmt.Errorf("%q is none of %s", target.String(), strings.Join(allowed, ", "))
}

type explainedBool struct{ explained }

func (explainedBool) IsBool() bool { return true }

// durationMapper reads a Go duration, or a bare number of milliseconds.
type durationMapper struct{}

func (durationMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popText(ctx)
	if err != nil {
		return err
	}
	d, err := parseDuration(text)
	if err != nil {
		return err
	}
	target.SetInt(int64(d))
	return nil
}

func parseDuration(text string) (time.Duration, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		d := time.Duration(ms) * time.Millisecond
		if d.Milliseconds() != ms {
			return 0, fmt.Errorf("%q is too long", text)
		}
		return d, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration; use 500ms, 30s or 1h, or a bare number of milliseconds", text)
	}
	return d, nil
}

// byteSize is a number of bytes, which may be written with a unit.
type byteSize int64

// sizeMapper reads a number of bytes, bare or with a unit.
type sizeMapper struct{}

func (sizeMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popText(ctx)
	if err != nil {
		return err
	}
	n, err := parseSize(text)
	if err != nil {
		return err
	}
	target.SetInt(n)
	return nil
}

var sizeUnits = map[string]int64{"": 1, "B": 1, "KB": 1000, "MB": 1e6, "GB": 1e9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}

func parseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, "BKMGIbkmgi ")
	unit, known := sizeUnits[strings.ToUpper(strings.TrimSpace(text[len(digits):]))]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !known || n*unit/unit != n {
		return 0, fmt.Errorf("%q is no size; use a number of bytes, or one with a unit such as 512KiB or 2MB", text)
	}
	return n * unit, nil
}

// numberMapper reads a decimal integer.
type numberMapper struct{}

func (numberMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popText(ctx)
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(text, 10, target.Type().Bits())
	if err != nil {
		return fmt.Errorf("%q is no whole number in range", text)
	}
	target.SetInt(n)
	return nil
}

// fractionMapper reads a decimal number.
type fractionMapper struct{}

func (fractionMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popText(ctx)
	if err != nil {
		return err
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("%q is no number", text)
	}
	target.SetFloat(x)
	return nil
}

// textMapper takes the text as it is.
type textMapper struct{}

func (textMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	text, err := popText(ctx)
	if err != nil {
		return err
	}
	target.SetString(text)
	return nil
}

// boolMapper reads true or false; a flag without a value is true, and one with --no-
// before its name is false.
type boolMapper struct{}

func (boolMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		target.SetBool(true)
		return nil
	}
	if b, negated := ctx.Scan.Peek().Value.(bool); negated {
		ctx.Scan.Pop()
		target.SetBool(b)
		return nil
	}
	text, err := popText(ctx)
	if err != nil {
		return err
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", text)
	}
	target.SetBool(b)
	return nil
}

// negative is a number that the scanner takes for a flag.
var negative = regexp.MustCompile(`^-[0-9]`)

func popText(ctx *kong.DecodeContext) (string, error) {
	var text string
	if next := fmt.Sprint(ctx.Scan.Peek().Value); !ctx.Scan.Peek().IsValue() && negative.MatchString(next) {
		return "", fmt.Errorf("%q is negative; use a value above 0", next)
	}
	if err := ctx.Scan.PopValueInto("value", &text); err != nil {
		// Not kong's message: it quotes what it found instead.
		return "", fmt.Errorf("needs a value; write --%s=VALUE", ctx.Value.Name)
	}
	return text, nil
}
