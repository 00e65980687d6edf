package kv

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// parseNumber parses a number as the part of a key, in JSON and in a URL, which
// must agree.
func parseNumber(t fataler, text string) error {
	t.Helper()
	inJSON, err := ParseKeyJSON([]byte("[" + text + "]"))
	inURL, urlErr := ParseKeyPath("~n:" + text)
	if inJSON != inURL || (err == nil) != (urlErr == nil) {
		t.Fatalf("%.40s is %s, %v in JSON and %s, %v in a URL", text, inJSON, err, inURL, urlErr)
	}
	if err != nil && !errors.Is(err, ErrInvalidKey) {
		t.Fatalf("%.40s: %v, want ErrInvalidKey", text, err)
	}
	return err
}

func TestANumberThatADoubleCannotHoldIsRefusedInEverySpelling(t *testing.T) {
	for text, exact := range map[string]bool{
		"9007199254740993":         false,
		"9007199254740993.0":       false,
		"9007199254740993e0":       false,
		"-9007199254740993.000":    false,
		"0.9007199254740993e16":    false,
		"90071992547409930E-1":     false,
		"9007199254740993.5":       false,
		"9007199254740992.0":       true,
		"9007199254740994e0":       true,
		"-0.9007199254740994e+16":  true,
		"90071992547409940E-1":     true,
		"9007199254740991.0":       true,
		"1e22":                     true,
		"1e23":                     false,
		"100000000000000000000000": false,
		"99999999999999991611392":  true,
		"1e308":                    false,
		"1.7976931348623157e308":   false,
		strconv.FormatFloat(math.MaxFloat64, 'f', 0, 64):        true,
		strconv.FormatFloat(math.MaxFloat64, 'f', 0, 64) + ".0": true,
		"1e999999999":             false,
		"1e-999999999":            true, // a fraction, and rounded to 0 as others are to their nearest
		"0e999999999":             true,
		"0e-99999999999999999999": true,
		"0." + strings.Repeat("0", 1000) + "1e1001":               true,
		"0." + strings.Repeat("0", 200_000) + "1e200017":          true,
		"1" + strings.Repeat("0", 1000) + "e-1000":                true,
		"9007199254740993" + strings.Repeat("0", 9999) + "e-9999": false,
		"9007199254740994" + strings.Repeat("0", 9999) + "e-9999": true,
		"0.1":  true,
		"5e-1": true,
	} {
		if err := parseNumber(t, text); (err == nil) != exact {
			t.Errorf("%.40s: %v, accepted: %v", text, err, exact)
		}
	}
}

func TestANumberIsAKeyPartIfADoubleHoldsIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,22})(\.[0-9]{1,22})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number")
		if rapid.Bool().Draw(t, "integer") {
			form := rapid.SampledFrom([]string{"%d", "%d.000", "%de0", "%d0e-1", "%dE+3", "%d000000e-6"}).Draw(t, "form")
			text = fmt.Sprintf(form, rapid.Int64Min(1).Draw(t, "of"))
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%s is no number", text)
		}
		f, _ := exact.Float64()
		// Below 2^53 a double is the nearest to a number, or the number.
		want := math.Abs(f) < 1<<53 || new(big.Rat).SetFloat64(f).Cmp(exact) == 0
		if err := parseNumber(t, text); (err == nil) != want {
			t.Fatalf("%s: %v, accepted: %v", text, err, want)
		}
	})
}
