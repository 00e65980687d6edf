package sqldb

import (
	"fmt"
	"net/url"
	"strings"
)

// urlForms are those of Config's URLs.
const urlForms = "use http://HOST:PORT (also https, ws, wss, libsql) or file:PATH"

// CheckURL says what is wrong with a URL of Config's, by its form alone: Open goes by it,
// and so does whoever reads settings. The error wraps ErrBadURL. It says nothing of the
// URL, which may hold a token.
func CheckURL(address string) error {
	wrong := ""
	u, err := url.Parse(address)
	switch {
	case err != nil:
		wrong = "it is no URL; " + urlForms
	case urlScheme(address) == "":
		wrong = "it has no scheme that is known; " + urlForms
	case u.Scheme != "file" && u.Hostname() == "":
		wrong = "it names no host; " + urlForms
	case u.Scheme == "file" && u.Opaque == "" && u.Path == "":
		wrong = "it names no file; use file:PATH"
	case u.Scheme == "file" && strings.Contains(address, ":memory:"):
		wrong = "an in-memory database would lose every answered write; name a file, like file:keyval.db"
	default:
		return nil
	}
	return fmt.Errorf("%w: %s", ErrBadURL, wrong)
}

// urlScheme is the scheme of a URL, "" if it is none that is known.
func urlScheme(address string) string {
	scheme, _, _ := strings.Cut(address, ":")
	switch scheme = strings.ToLower(scheme); scheme {
	case "http", "https", "ws", "wss", "libsql", "file":
		return scheme
	}
	return ""
}
