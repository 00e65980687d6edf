package wire

import (
	"strings"

	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/kv"
)

// Precondition is what If-Match and If-None-Match ask for, nil if there are none.
func Precondition(c *route.Call) (*kv.Precondition, error) {
	match, noneMatch := c.Request.Header[IfMatch.Name], c.Request.Header[IfNoneMatch.Name]
	if match == nil && noneMatch == nil {
		return nil, nil
	}
	var p kv.Precondition
	var err error
	if p.Match, err = parseEntityTags(IfMatch.Name, match, false); err != nil {
		return nil, err
	}
	p.NoneMatch, err = parseEntityTags(IfNoneMatch.Name, noneMatch, true)
	return &p, err
}

// Checks are the precondition as a check of a write.
func Checks(c *route.Call, key kv.Key) ([]kv.Check, error) {
	p, err := Precondition(c)
	if p == nil || err != nil {
		return nil, err
	}
	return []kv.Check{{Key: key, Precondition: p}}, nil
}

// ETag is a versionstamp as an entity tag.
func ETag(v kv.Versionstamp) string { return `"` + string(v) + `"` }

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
	return route.InvalidArgument(`%s must be * or a list of entity tags such as "00010000000000070000", with the quotes`, name)
}
