package node

import "testing"

func TestARedactedURLHasNoCredentials(t *testing.T) {
	tests := []struct{ url, want string }{
		{"http://127.0.0.1:8880", "http://127.0.0.1:8880"},
		{"file:keyval.db?_pragma=x", "file:keyval.db?_pragma=x"},
		{"https://user:hush@db/path", "https://db/path (credentials hidden)"},
		{"https://hush@db", "https://db (credentials hidden)"},
		{"libsql://db?authToken=hush", "libsql://db (credentials hidden)"},
		{"http://db#hush", "http://db (credentials hidden)"},
		{"http://%zz:hush@db", "(not a URL)"},
	}
	for _, test := range tests {
		if got := RedactURL(test.url); got != test.want {
			t.Errorf("%s: got %s, want %s", test.url, got, test.want)
		}
	}
}
