package main

import (
	"regexp"
	"slices"
	"strings"
)

// nearest is the candidate that was probably meant by name, "" if none is near: one
// that differs in case and separators alone, or in two characters, or begins with
// it or it with one.
func nearest(name string, candidates []string) string {
	best, least := "", 3
	for _, candidate := range slices.Sorted(slices.Values(candidates)) {
		d := distance(plain(name), plain(candidate))
		if len(candidate) > 6 && d > 0 && (strings.HasPrefix(name, candidate) || strings.HasPrefix(candidate, name)) {
			d = min(d, 2)
		}
		if d < least {
			best, least = candidate, d
		}
	}
	return best
}

// plain leaves out what people get wrong first.
func plain(name string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
}

// distance is how many characters must be put in, left out or changed.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// othersVariables are set by Kubernetes for a service that is called keyval, and
// for HAProxy: no settings, and not mistyped.
var othersVariables = regexp.MustCompile(`^KEYVAL_(NODE_[0-9]+|LISTEN|STATS|([A-Z0-9_]+_)?(SERVICE_(HOST|PORT).*|PORT(_[0-9].*)?))$`)

// mistyped are sentences about environment variables that are almost settings.
func mistyped(environ, known []string) []string {
	var texts []string
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(entry, "=")
		ours := strings.HasPrefix(name, "KEYVAL_") || strings.HasPrefix(name, "LIBSQL_")
		if value == "" || !ours || slices.Contains(known, name) || othersVariables.MatchString(name) {
			continue
		}
		meant := nearest(name, known)
		if bare := strings.TrimPrefix(name, "KEYVAL_"); slices.Contains(known, bare) {
			meant = bare
		}
		if meant != "" {
			texts = append(texts, "the environment variable "+name+" is no setting and is ignored; did you mean "+meant+"?")
		}
	}
	return texts
}
