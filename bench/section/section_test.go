package section_test

import (
	"strings"
	"testing"

	"github.com/buntime/keyval/bench/section"
)

const prose = "# Speed\n\nProse.\n\n<!-- bench:begin put -->\nold\n<!-- bench:end put -->\n\nMore prose.\n<!-- bench:begin get -->\n<!-- bench:end get -->\n"

func TestASectionIsWrittenAnewAndTheProseAroundItStays(t *testing.T) {
	t.Parallel()
	got, err := section.Rewrite(prose, "put", "\n| new |\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(prose, "old", "| new |", 1); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if again, err := section.Rewrite(got, "put", "| new |"); err != nil || again != got {
		t.Errorf("the second time: got %q, %v; want no change", again, err)
	}
}

func TestASectionThatWasEmptyIsFilled(t *testing.T) {
	t.Parallel()
	got, err := section.Rewrite(prose, "get", "new")
	if err != nil || !strings.Contains(got, "<!-- bench:begin get -->\nnew\n<!-- bench:end get -->") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAPageWithoutItsMarksIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"no marks": "there is no line <!-- bench:begin put -->",
		"<!-- bench:begin put -->\n<!-- bench:end get -->": "has no end",
		prose + prose: "twice",
	} {
		if _, err := section.Rewrite(text, "put", "new"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestTheBodyOfASectionIsWhatWasWritten(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"put": "old", "get": ""} {
		if got, err := section.Body(prose, name); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	if _, err := section.Body(prose, "list"); err == nil {
		t.Error("a section that is not there: no error")
	}
}
