package main

import "testing"

func TestTheNearestNameIsSuggested(t *testing.T) {
	known := []string{"KEYVAL_HTTP_ADDR", "KEYVAL_NODE_ID", "KEYVAL_JOIN", "LIBSQL_URL"}
	for name, want := range map[string]string{
		"KEYVAL_HTTP_ADR":     "KEYVAL_HTTP_ADDR",
		"KEYVAL_HTTP_ADDRESS": "KEYVAL_HTTP_ADDR",
		"KEYVAL_HTTPADDR":     "KEYVAL_HTTP_ADDR",
		"KEYVAL_JION":         "KEYVAL_JOIN",
		"LIBSQL_URI":          "LIBSQL_URL",
		"KEYVAL_COLOUR":       "",
	} {
		if got := nearest(name, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", name, got, want)
		}
	}
	for a, want := range map[string]int{"": 4, "abcd": 0, "abd": 1, "abcde": 1, "axcd": 1, "dcba": 4, "bcda": 2} {
		if got := distance(a, "abcd"); got != want {
			t.Errorf("distance(%q, abcd) = %d, want %d", a, got, want)
		}
	}
}

func TestOnlyVariablesThatAreAlmostSettingsAreNamed(t *testing.T) {
	known := []string{"KEYVAL_HTTP_ADDR", "KEYVAL_NODE_ID", "KEYVAL_JOIN", "LIBSQL_URL"}
	environ := []string{
		"KEYVAL_JOIN=a", "KEYVAL_JOINN=a", "KEYVAL_LIBSQL_URL=x", "KEYVAL_NODE_IT=", "HOME=/",
		"KEYVAL_PORT=tcp://10.0.0.1:8080", "KEYVAL_PORT_8080_TCP_ADDR=10.0.0.1", "KEYVAL_NODES_SERVICE_HOST=x", "KEYVAL_NODE_1=a:8080",
	}
	got := mistyped(environ, known)
	want := []string{
		"the environment variable KEYVAL_JOINN is no setting and is ignored; did you mean KEYVAL_JOIN?",
		"the environment variable KEYVAL_LIBSQL_URL is no setting and is ignored; did you mean LIBSQL_URL?",
	}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %q, want %q", got, want)
	}
}
