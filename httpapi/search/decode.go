package search

import "github.com/buntime/keyval/httpapi/route"

// options is the member that may hold the others, as the original client sends them.
const options = "options"

// nested are members of a body that may stand in options instead.
func nested(members route.Members) route.Members {
	return members.And(options, route.Object(members))
}

// decodeNested decodes a body of members some of which may stand in options. One that is
// given both ways is refused, be it the same: a body that says a thing twice was put
// together by mistake.
func decodeNested(body []byte, members route.Members, member func(d *route.Decoder, name string) error) error {
	given := map[string]bool{}
	once := func(d *route.Decoder, name string) error {
		if given[name] {
			return route.InvalidArgument("%s is given in options and beside it; give one", name)
		}
		given[name] = true
		return member(d, name)
	}
	return route.DecodeObject(body, nested(members), func(d *route.Decoder, name string) error {
		if name == options {
			return d.Object(members, func(name string) error { return once(d, name) })
		}
		return once(d, name)
	})
}
