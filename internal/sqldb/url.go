package sqldb

import (
	"fmt"
	"net/url"
	"strings"
)

// urlForms are those of Config's URLs.
const urlForms = "use http://HOST:PORT (also https, ws, wss, libsql) or file:PATH"

// URLProblem says what is wrong with the form of a URL of Config's, to be read after
// "it"; "" if nothing is. Open goes by it, and so does whoever reads settings. It says
// nothing of the URL itself, which may hold a token.
func URLProblem(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return "is no URL; " + urlForms
	case urlScheme(address) == "":
		return "has no scheme that is known; " + urlForms
	case u.Scheme != "file" && u.Hostname() == "":
		return "names no host; " + urlForms
	case u.Scheme == "file" && u.Opaque == "" && u.Path == "":
		return "names no file; use file:PATH"
	case u.Scheme == "file" && strings.Contains(address, ":memory:"):
		return "is of an in-memory database, which would lose every answered write; name a file, like file:keyval.db"
	}
	return ""
}

func checkURL(address string) error {
	if problem := URLProblem(address); problem != "" {
		return fmt.Errorf("%w: it %s", ErrBadURL, problem)
	}
	return nil
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
