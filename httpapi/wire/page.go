package wire

import "github.com/buntime/keyval/httpapi/route"

// MaxListLimit is how many elements a list has at most.
const MaxListLimit = 1000

// The parameters of lists.
var (
	LimitParam  = route.IntParam{Name: "limit", Doc: "How many entries at most; above 1000 means 1000.", Min: 1, Default: 100, HasDefault: true}
	CursorParam = route.TextParam{Name: "cursor", Doc: "The `cursor` of the page before, of a request that is otherwise the same."}
)

// Limit is the parameter limit, with its default and its bound.
func Limit(q route.Query) (int, error) {
	limit, err := LimitParam.Get(q)
	return int(min(limit, MaxListLimit)), err
}
