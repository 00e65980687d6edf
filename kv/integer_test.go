package kv

import (
	"errors"
	"strings"
	"testing"
)

func TestSumMinAndMax(t *testing.T) {
	const maxSafe, minSafe, maxU64 = `9007199254740991`, `-9007199254740991`, `18446744073709551615`
	widest := `{"__type":"bigint","value":"` + integerOfBytes(255) + `"}`
	for _, tc := range []struct {
		op              func([]byte, Integer) ([]byte, error)
		name            string
		stored, operand string // stored "" is a missing key
		want            string
		err             error
	}{
		{Sum, "sum", ``, `5`, `5`, nil},
		{Sum, "sum", ``, `"-5"`, `-5`, nil},
		{Sum, "sum", ``, `1.0`, `1`, nil},
		{Sum, "sum", ``, bigint("5"), `5`, nil},
		{Sum, "sum", ``, bigint("9007199254740991"), maxSafe, nil},
		{Sum, "sum", ``, bigint("-9007199254740991"), minSafe, nil},
		{Sum, "sum", ``, bigint("9007199254740992"), bigint("9007199254740992"), nil},
		{Sum, "sum", ``, bigint("-9007199254740992"), bigint("-9007199254740992"), nil},
		{Min, "min", ``, bigint("5"), `5`, nil},
		{Max, "max", ``, bigint("9007199254740992"), bigint("9007199254740992"), nil},
		{Sum, "sum", `1`, `2`, `3`, nil},
		{Sum, "sum", `1.0`, `2`, `3`, nil},
		{Sum, "sum", `1e3`, `2`, `1002`, nil},
		{Sum, "sum", `1.5e1`, `"2"`, `17`, nil},
		{Sum, "sum", `-0`, `0`, `0`, nil},
		{Sum, "sum", `0e999999999999999999999`, `1`, `1`, nil},
		{Sum, "sum", `100e-2`, `1`, `2`, nil},
		{Sum, "sum", maxSafe, `0`, maxSafe, nil},
		{Sum, "sum", minSafe, `1`, `-9007199254740990`, nil},
		{Sum, "sum", bigint("9007199254740991"), `1`, bigint("9007199254740992"), nil},
		{Sum, "sum", `{"value":"7","__type":"bigint"}`, `-8`, bigint("-1"), nil},
		{Sum, "sum", `10`, bigint("5"), `15`, nil},
		{Sum, "sum", `1.0`, bigint("5"), `6`, nil},
		{Sum, "sum", `1e3`, bigint("5"), `1005`, nil},
		{Sum, "sum", maxSafe, bigint("1"), bigint("9007199254740992"), nil},
		{Sum, "sum", minSafe, bigint("-1"), bigint("-9007199254740992"), nil},
		{Sum, "sum", maxSafe, bigint("-18014398509481982"), minSafe, nil},
		{Sum, "sum", bigint("9007199254740992"), minSafe, bigint("1"), nil},
		{Sum, "sum", bigint("5"), bigint("5"), bigint("10"), nil},
		{Sum, "sum", bigint("5"), `"5"`, bigint("10"), nil},
		{Min, "min", ``, `5`, `5`, nil},
		{Min, "min", `3`, `5`, `3`, nil},
		{Min, "min", `3`, `-5`, `-5`, nil},
		{Min, "min", bigint("3"), `5`, bigint("3"), nil},
		{Max, "max", `3`, `5`, `5`, nil},
		{Max, "max", `3.0`, `-5`, `3`, nil},
		{Max, "max", `3`, bigint("2"), `3`, nil},
		{Max, "max", `3`, bigint("7"), `7`, nil},
		{Max, "max", `3`, bigint("9007199254740992"), bigint("9007199254740992"), nil},
		{Min, "min", `3`, bigint("9007199254740992"), `3`, nil},
		{Min, "min", bigint("9007199254740992"), `3`, bigint("3"), nil},

		{Sum, "sum", ``, u64("7"), u64("7"), nil},
		{Min, "min", ``, u64(maxU64), u64(maxU64), nil},
		{Sum, "sum", u64("7"), `1`, u64("8"), nil},
		{Sum, "sum", u64("7"), `"-7"`, u64("0"), nil},
		{Sum, "sum", u64("7"), bigint("1"), u64("8"), nil},
		{Sum, "sum", u64("7"), u64("1"), u64("8"), nil},
		{Sum, "sum", `{"value":"7","__type":"u64"}`, `1`, u64("8"), nil},
		{Sum, "sum", u64(maxU64), `-1`, u64("18446744073709551614"), nil},
		{Min, "min", u64(maxU64), bigint("99999999999999999999"), u64(maxU64), nil},
		{Max, "max", u64("7"), `-1`, u64("7"), nil},
		{Sum, "sum", `7`, u64("1"), `8`, nil},
		{Sum, "sum", maxSafe, u64("1"), bigint("9007199254740992"), nil},
		{Sum, "sum", bigint("-7"), u64("1"), bigint("-6"), nil},
		{Sum, "sum", bigint(maxU64), u64("1"), bigint("18446744073709551616"), nil},

		{Sum, "sum", u64(maxU64), `1`, ``, ErrOutOfRange},
		{Sum, "sum", u64("7"), bigint("-8"), ``, ErrOutOfRange},
		{Min, "min", u64("7"), `-1`, ``, ErrOutOfRange},
		{Max, "max", u64("7"), bigint("18446744073709551616"), ``, ErrOutOfRange},
		{Sum, "sum", u64("07"), `1`, ``, ErrTypeMismatch},
		{Sum, "sum", u64("-7"), `1`, ``, ErrTypeMismatch},
		{Sum, "sum", u64("+7"), `1`, ``, ErrTypeMismatch},
		{Sum, "sum", u64(""), `1`, ``, ErrTypeMismatch},
		{Sum, "sum", u64("18446744073709551616"), `1`, ``, ErrTypeMismatch},
		{Sum, "sum", `{"__type":"u64","value":7}`, `1`, ``, ErrTypeMismatch},
		{Sum, "sum", maxSafe, `1`, ``, ErrOutOfRange},
		{Sum, "sum", minSafe, `-1`, ``, ErrOutOfRange},
		{Sum, "sum", maxSafe, `"1"`, ``, ErrOutOfRange},
		{Sum, "sum", `9007199254740992`, `-1`, ``, ErrOutOfRange},
		{Sum, "sum", `9007199254740992`, bigint("-1"), ``, ErrOutOfRange},
		{Sum, "sum", `1e400000`, `1`, ``, ErrOutOfRange},
		{Sum, "sum", `1e999999999999999999999`, `1`, ``, ErrOutOfRange},
		{Sum, "sum", widest, bigint("1"), ``, ErrOutOfRange},
		{Sum, "sum", bigint(strings.Repeat("9", 700)), `1`, ``, ErrOutOfRange},
		{Sum, "sum", `1.5`, `1`, ``, ErrTypeMismatch},
		{Sum, "sum", `1e-1`, `1`, ``, ErrTypeMismatch},
		{Sum, "sum", `1e-999999999999999999999`, `1`, ``, ErrTypeMismatch},
		{Sum, "sum", `"1"`, `1`, ``, ErrTypeMismatch},
		{Sum, "sum", `null`, `1`, ``, ErrTypeMismatch},
		{Sum, "sum", `true`, `1`, ``, ErrTypeMismatch},
		{Sum, "sum", `[1]`, `1`, ``, ErrTypeMismatch},
		{Sum, "sum", `{}`, `1`, ``, ErrTypeMismatch},
		{Sum, "sum", `{"__type":"bytes","value":"1"}`, `1`, ``, ErrTypeMismatch},
		{Sum, "sum", `{"__type":"bigint","value":"x"}`, `1`, ``, ErrTypeMismatch},
		{Sum, "sum", `{"__type":"bigint","value":1}`, `1`, ``, ErrTypeMismatch},
		{Sum, "sum", `{"__TYPE":"bigint","value":"1"}`, `1`, ``, ErrTypeMismatch},
		{Sum, "sum", `{"__type":"bigint","value":"1","value":"2"}`, `1`, ``, ErrTypeMismatch},
		{Sum, "sum", `{"__type":"bigint","value":"1","x":1}`, `1`, ``, ErrTypeMismatch},
	} {
		operand, err := ParseOperand([]byte(tc.operand))
		if err != nil {
			t.Errorf("ParseOperand(%s): %v", tc.operand, err)
			continue
		}
		got, err := tc.op([]byte(tc.stored), operand)
		if !errors.Is(err, tc.err) || string(got) != tc.want {
			t.Errorf("%s of %.60s and %.60s = %.60s, %v, want %.60s, %v", tc.name, tc.stored, tc.operand, got, err, tc.want, tc.err)
		}
	}
}

func TestWhatIsNoOperand(t *testing.T) {
	for operand, want := range map[string]error{
		`1.5`:                       ErrInvalidValue,
		`1e-400000`:                 ErrInvalidValue,
		`"1.0"`:                     ErrInvalidValue,
		`"1e3"`:                     ErrInvalidValue,
		`""`:                        ErrInvalidValue,
		`"-"`:                       ErrInvalidValue,
		`"abc"`:                     ErrInvalidValue,
		`" 1"`:                      ErrInvalidValue,
		`null`:                      ErrInvalidValue,
		`true`:                      ErrInvalidValue,
		`[1]`:                       ErrInvalidValue,
		`{}`:                        ErrInvalidValue,
		`{"__type":"bigint"}`:       ErrInvalidValue,
		u64("07"):                   ErrInvalidValue,
		u64("-1"):                   ErrInvalidValue,
		u64("18446744073709551616"): ErrInvalidValue,
		`{"__type":"u64","value":"7","text":"7"}`: ErrInvalidValue,
		`9007199254740992`:                        ErrOutOfRange,
		`"-9007199254740992"`:                     ErrOutOfRange,
		`1e400000`:                                ErrOutOfRange,
		bigint(strings.Repeat("9", 615)):          ErrOutOfRange,
	} {
		if got, err := ParseOperand([]byte(operand)); !errors.Is(err, want) {
			t.Errorf("ParseOperand(%.60s) = %v, %v, want %v", operand, got, err, want)
		}
	}
}

func FuzzSum(f *testing.F) {
	f.Add([]byte(`1.5e1`), []byte(`"2"`))
	f.Add([]byte(bigint("-7")), []byte(bigint("8")))
	f.Add([]byte(u64("7")), []byte(u64("8")))
	f.Fuzz(func(t *testing.T, stored, delta []byte) {
		a, errA := ParseValue(stored, 1<<16)
		b, errB := ParseValue(delta, 1<<16)
		if errA != nil || errB != nil {
			return
		}
		operand, err := ParseOperand(b)
		if err != nil {
			return
		}
		sum, err := Sum(a, operand)
		if err != nil {
			if !errors.Is(err, ErrTypeMismatch) && !errors.Is(err, ErrOutOfRange) {
				t.Fatalf("err = %v", err)
			}
			return
		}
		// Adding nothing changes no sum, and it is a value.
		again, err := Sum(sum, mustOperand(t, `0`))
		if err != nil || string(again) != string(sum) {
			t.Fatalf("%s + 0 = %s, %v", sum, again, err)
		}
	})
}

func BenchmarkSum(b *testing.B) {
	operand := mustOperand(b, `1`)
	stored := []byte(`41`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Sum(stored, operand); err != nil {
			b.Fatal(err)
		}
	}
}

func mustOperand(t fataler, value string) Integer {
	t.Helper()
	operand, err := ParseOperand([]byte(value))
	if err != nil {
		t.Fatalf("ParseOperand(%s): %v", value, err)
	}
	return operand
}

func bigint(digits string) string { return `{"__type":"bigint","value":"` + digits + `"}` }

func u64(digits string) string { return `{"__type":"u64","value":"` + digits + `"}` }

// integerOfBytes is the largest integer of n bytes.
func integerOfBytes(n uint) string {
	i := integer("1")
	i.Lsh(i, 8*n)
	return i.Sub(i, integer("1")).String()
}
