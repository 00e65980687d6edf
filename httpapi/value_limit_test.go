package httpapi_test

import (
	"strings"
	"testing"
)

func TestTheLimitOfAValueCountsNoWhiteSpaceOnAnyRoute(t *testing.T) {
	t.Parallel()
	f, _ := mustServeQueues(t)
	item := `{"name":"` + strings.Repeat("x", 25) + `","n":[1,2]}`
	compact := "[" + strings.Repeat(item+",", 600_000/(len(item)+1)) + "1]"
	var indented strings.Builder
	for _, c := range compact {
		indented.WriteRune(c)
		if c == ',' || c == '[' || c == '{' {
			indented.WriteString("\n" + strings.Repeat(" ", 24))
		}
	}
	if indented.Len() < 2_100_000 {
		t.Fatalf("the text has %d bytes, want 2.1 MB", indented.Len())
	}
	f.must("PUT", "/keys/a", indented.String())
	if got := f.must("GET", "/keys/a", "").body; !strings.Contains(got, `"value":`+compact+`,"versionstamp"`) {
		t.Errorf("the value was changed: %.200s", got)
	}
	f.must("POST", "/queue/enqueue", `{"value":`+indented.String()+`}`)
	if got := f.take(""); string(got.Value) != compact {
		t.Errorf("the message was changed: %.200s", got.Value)
	}
}
