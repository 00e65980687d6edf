package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// recorded is a file that package compare's tests have.
func recorded(name string) string {
	return filepath.Join("..", "..", "bench", "compare", "testdata", name)
}

func TestCompareFailsWhenBIsSlowerByMoreThanTheThreshold(t *testing.T) {
	damaged := mustWrite(t, `{"version": 1, "runs": [{}`)
	for _, test := range []struct {
		name         string
		args         []string
		code         int
		stdout, said string
	}{
		{"the same", []string{recorded("base-repeats.json"), recorded("base-repeats.json")}, exitClean, "same", ""},
		{"slower", []string{recorded("base-repeats.json"), recorded("slower-repeats.json")}, exitFailure, "REGRESSION", "slower"},
		{"faster", []string{recorded("slower-repeats.json"), recorded("base-repeats.json")}, exitClean, "better", ""},
		{"slower, but allowed", []string{recorded("base-repeats.json"), recorded("slower-repeats.json"), "--threshold", "90"}, exitClean, "", ""},
		{"slower in three runs each", []string{recorded("three-repeats.json"), recorded("three-slower-repeats.json")}, exitFailure, "REGRESSION", "slower"},
		{"too few samples", []string{recorded("base-repeats.json"), recorded("few-repeats.json")}, exitBadSetting, "too few", "--repeat"},
		{"no such file", []string{recorded("base.json"), "nowhere.json"}, exitBadSetting, "", "nowhere.json"},
		{"damaged", []string{damaged, recorded("base.json")}, exitBadSetting, "", damaged},
		{"one file", []string{recorded("base.json")}, exitBadSetting, "", "expected \"<b>\""},
		{"threshold", []string{recorded("base.json"), recorded("base.json"), "--threshold=-1"}, exitBadSetting, "", "threshold (flag --threshold): -1 is below 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := runCommand(t, nil, append([]string{"bench", "compare"}, test.args...)...)
			if got.code != test.code || !strings.Contains(got.stdout, test.stdout) || !strings.Contains(got.stderr, test.said) {
				t.Errorf("got exit code %d, %s\n%s\nwant %d, %q and %q", got.code, got.stderr, got.stdout, test.code, test.stdout, test.said)
			}
		})
	}
}

func TestAVerdictThatNobodyCanReadIsNoRegression(t *testing.T) {
	base := filepath.Join("..", "..", "bench", "compare", "testdata", "base.json")
	code := run(t.Context(), process{args: []string{"bench", "compare", base, base}, lookupEnv: lookup(nil), stdout: fullDisk{}, stderr: io.Discard})
	if code != exitBadSetting {
		t.Errorf("got exit code %d, want 2", code)
	}
}
