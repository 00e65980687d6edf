package httpapi

import (
	"strings"

	"github.com/buntime/keyval/kv"
)

// preconditions are the headers that a request must not have where they would be
// ignored: a route that honours one has it among its headers. RFC 9110 has a server
// that knows no dates of modification ignore the others.
var preconditions = [...]string{ifMatch.name, ifNoneMatch.name}

// checkPreconditions refuses those that the route does not honour.
func (c *call) checkPreconditions() error {
	for _, name := range preconditions {
		if c.r.Header[name] != nil && !c.route.takesHeader(name) {
			return invalidArgument("%s %s does not honour %s; send the request without it", c.route.method, c.route.name(), name)
		}
	}
	return nil
}

func (r *route) takesHeader(name string) bool {
	for i := range r.header {
		if r.header[i].name == name {
			return true
		}
	}
	return r.anyRequest
}

// precondition is what If-Match and If-None-Match ask for, nil if there are none.
func (c *call) precondition() (*kv.Precondition, error) {
	match, noneMatch := c.r.Header[ifMatch.name], c.r.Header[ifNoneMatch.name]
	if match == nil && noneMatch == nil {
		return nil, nil
	}
	var p kv.Precondition
	var err error
	if p.Match, err = parseEntityTags(ifMatch.name, match, false); err != nil {
		return nil, err
	}
	p.NoneMatch, err = parseEntityTags(ifNoneMatch.name, noneMatch, true)
	return &p, err
}

// checks are the precondition as a check of a write.
func (c *call) checks(key kv.Key) ([]kv.Check, error) {
	p, err := c.precondition()
	if p == nil || err != nil {
		return nil, err
	}
	return []kv.Check{{Key: key, Precondition: p}}, nil
}

// etag is a versionstamp as an entity tag.
func etag(v kv.Versionstamp) string { return `"` + string(v) + `"` }

// parseEntityTags parses a header, all lines of which are one list (RFC 9110, 5.3
// and 8.8.3), and returns nil if there is none. Tags that are no versionstamps match
// no entry, and weak ones do so only when compared weakly.
func parseEntityTags(name string, lines []string, weakly bool) (*kv.Versions, error) {
	if lines == nil {
		return nil, nil
	}
	var versions kv.Versions
	elements := 0
	for rest := strings.Join(lines, ","); ; elements++ {
		if rest = strings.TrimLeft(rest, " \t,"); rest == "" {
			break
		}
		element, tail, ok := cutElement(rest)
		if !ok {
			return nil, errEntityTags(name)
		}
		versions.Any = versions.Any || element == "*"
		if weakly {
			element = strings.TrimPrefix(element, "W/")
		}
		if v, err := kv.ParseVersionstamp(strings.Trim(element, `"`)); err == nil {
			versions.Versionstamps = append(versions.Versionstamps, v)
		}
		rest = tail
	}
	if elements == 0 || versions.Any && elements > 1 {
		return nil, errEntityTags(name)
	}
	return &versions, nil
}

// cutElement cuts the first element off a list: * or an entity tag.
func cutElement(list string) (element, tail string, ok bool) {
	end := len("*")
	if list[0] != '*' {
		opened := strings.TrimPrefix(list, "W/")
		if opened == "" || opened[0] != '"' {
			return "", "", false
		}
		end = strings.IndexByte(opened[1:], '"') + len(list) - len(opened) + len(`""`)
		if end == len(list)-len(opened)+1 {
			return "", "", false // the quote is not closed
		}
	}
	element, tail = list[:end], strings.TrimLeft(list[end:], " \t")
	return element, tail, tail == "" || tail[0] == ','
}

func errEntityTags(name string) error {
	return invalidArgument(`%s must be * or a list of entity tags such as "00010000000000070000", with the quotes`, name)
}
