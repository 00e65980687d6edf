package node

import "net/url"

// RedactURL is a database URL for people to read: where it leads, without the
// user, password and query in which a token may stand.
func RedactURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a URL)"
	}
	if u.Scheme == "file" {
		return raw // a path and pragmas; no server, so no token
	}
	redacted := u.Scheme + "://" + u.Host + u.Path
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		redacted += " (credentials hidden)"
	}
	return redacted
}
