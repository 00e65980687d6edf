package search

import (
	"context"
	"net/http"
	"strconv"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/search"
)

// maxIndexBody is room for a definition, or for a prefix.
const maxIndexBody = 64 << 10

var droppedParam = wire.KeyParam{Name: "prefix", Doc: "That of the index. Empty: the index over all keys."}

// indexRoutes make, show and remove indexes. An index costs whoever writes below its prefix
// and nobody else, so who may write there may make one.
func (s *room) indexRoutes() []route.Route {
	const path = "/indexes"
	done := []route.Answer{{
		Status: 200, Doc: "It is so.", Schema: route.Object(route.Members{"ok": route.Always(true)}, "ok"), Headers: []route.Param{wire.VersionstampAnswer},
	}}
	writes := append([]api.Code{api.InvalidKey}, wire.WriteErrors...)
	return []route.Route{
		{
			Method: http.MethodPost, Pattern: path, Op: "index_create", Tag: tagSearch, Scope: access.Write, Changes: true, Administrative: true,
			Summary: "Make a full-text index",
			Doc:     "Over the entries at and below a prefix; those that are there are indexed in the background, unless they are few. Another index over the same prefix is replaced, and the same one left as it is. The members may stand in `options`.",
			Body:    &route.Body{Schema: route.Object(nested(indexMembers)), MaxBytes: maxIndexBody},
			Answers: done, Errors: writes,
			Serve: s.create,
		},
		{
			Method: http.MethodGet, Pattern: path, Op: "index_list", Tag: tagSearch, Scope: access.Read,
			Summary: "The full-text indexes and how far they are",
			Doc:     "In the order of their prefixes; to a token that is bound, those at or below its prefixes.",
			Query:   []route.Param{wire.ConsistencyParam.Param()},
			Header:  []route.Param{wire.MinVersionstamp},
			Answers: []route.Answer{{Status: 200, Doc: "All of them.", Schema: route.Array(route.Ref("Index")), Headers: []route.Param{wire.VersionstampAnswer}}},
			Errors:  wire.ReadErrors,
			Serve:   s.list,
		},
		{
			Method: http.MethodDelete, Pattern: path, Op: "index_delete", Tag: tagSearch, Scope: access.Write, Changes: true, Administrative: true,
			Summary: "Remove a full-text index",
			Doc:     "That over exactly this prefix, which is named in the query or in the body. It is `ok`, too, if there was none. The entries stay.",
			Query:   []route.Param{droppedParam.Param()},
			Body:    &route.Body{Schema: route.Object(dropMembers), Optional: true, MaxBytes: maxIndexBody},
			Answers: done, Errors: writes,
			Serve: s.drop,
		},
	}
}

func (s *room) create(ctx context.Context, c *route.Call) error {
	body, err := c.ReadBody()
	if err != nil {
		return err
	}
	d, err := decodeDefinition(body)
	if err != nil {
		return err
	}
	_, versionstamp, err := s.Indexes.For(c.Grant).Create(ctx, d)
	return done(c, versionstamp, err)
}

func done(c *route.Call, versionstamp kv.Versionstamp, err error) error {
	if err != nil {
		return err
	}
	wire.SetVersionstamp(c, versionstamp)
	c.Out = append(c.Out, `{"ok":true}`...)
	return nil
}

func decodeDefinition(body []byte) (search.Definition, error) {
	var d search.Definition
	prefixed := false
	err := decodeNested(body, indexMembers, func(json *route.Decoder, name string) (err error) {
		switch name {
		case "prefix":
			prefixed = true
			d.Prefix, err = wire.DecodePrefix(json)
		case "fields":
			d.Fields, err = decodeFields(json)
		case "tokenize":
			d.Tokenize, err = json.Text()
		}
		return err
	})
	if err == nil && !prefixed {
		err = route.InvalidArgument("the body has no prefix; [] is that of all keys")
	}
	return d, err
}

func decodeFields(d *route.Decoder) (fields []string, err error) {
	err = d.Array(maxIndexBody, func() error { // how many there may be is for the indexes to say
		field, err := d.Text()
		fields = append(fields, field)
		return err
	})
	return fields, err
}

func (s *room) drop(ctx context.Context, c *route.Call) error {
	prefix, err := droppedPrefix(c)
	if err != nil {
		return err
	}
	versionstamp, err := s.Indexes.For(c.Grant).Drop(ctx, prefix)
	return done(c, versionstamp, err)
}

// droppedPrefix is that of the query or of the body: one of them must say it, because the
// empty prefix is an index's, too.
func droppedPrefix(c *route.Call) (kv.Key, error) {
	body, err := c.ReadBody()
	if err != nil {
		return "", err
	}
	inBody := false
	var prefix kv.Key
	if len(body) > 0 {
		err = route.DecodeObject(body, dropMembers, func(d *route.Decoder, _ string) (err error) {
			inBody = true
			prefix, err = wire.DecodePrefix(d)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	_, inQuery := c.Query.Text(droppedParam.Name)
	if inBody == inQuery {
		return "", route.InvalidArgument("give prefix in the query or in the body")
	}
	if inQuery {
		return droppedParam.Get(c.Query)
	}
	return prefix, nil
}

func (s *room) list(ctx context.Context, c *route.Call) error {
	opts, err := wire.ReadOptions(c, s.DefaultConsistency, "")
	if err != nil {
		return err
	}
	all, position, err := s.Indexes.For(c.Grant).List(ctx, opts)
	if err != nil {
		return err
	}
	wire.SetVersionstamp(c, position)
	c.Out = route.AppendArray(c.Out, all, appendIndex)
	return nil
}

func appendIndex(dst []byte, x *search.Index) []byte {
	dst = append(dst, `{"prefix":`...)
	dst = x.Prefix.AppendJSON(dst)
	dst = append(dst, `,"fields":`...)
	dst = route.AppendJSON(dst, x.Fields)
	dst = append(dst, `,"tokenize":`...)
	dst = route.AppendJSON(dst, x.Tokenize)
	dst = append(dst, `,"state":"`...)
	dst = append(dst, stateOf(x)...)
	dst = append(dst, `","indexed":`...)
	dst = strconv.AppendInt(dst, x.Indexed, 10)
	return append(dst, '}')
}

func stateOf(x *search.Index) string {
	if x.Ready {
		return "ready"
	}
	return "building"
}
