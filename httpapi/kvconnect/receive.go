package kvconnect

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/buntime/keyval/httpapi/route"
)

var (
	versionHeader  = route.Param{Name: "X-Denokv-Version", Schema: route.Text(""), Doc: "The protocol's version, `2` or `3`."}
	databaseHeader = route.Param{Name: "X-Denokv-Database-Id", Schema: route.Text(""), Doc: "The `databaseId` of the metadata."}
)

// receive reads a message from a client that speaks one of the versions, to this database.
func (r *room) receive(ctx context.Context, c *route.Call, m proto.Message, fields []repeated, spoken ...int) error {
	if err := r.checkHeaders(ctx, c, spoken); err != nil {
		return err
	}
	body, err := c.ReadBody()
	if err != nil {
		return err
	}
	return unmarshal(body, m, fields)
}

// checkHeaders wants one of the versions, and this database.
func (r *room) checkHeaders(ctx context.Context, c *route.Call, spoken []int) error {
	version, err := strconv.Atoi(c.Request.Header.Get(versionHeader.Name))
	if err != nil || !slices.Contains(spoken, version) {
		return route.InvalidArgument("%s is %q, want one of the versions %v", versionHeader.Name, route.Clip(c.Request.Header.Get(versionHeader.Name)), spoken)
	}
	want, err := r.DatabaseID(ctx)
	if err != nil {
		return err
	}
	if got := c.Request.Header.Get(databaseHeader.Name); !strings.EqualFold(got, want) {
		return route.InvalidArgument("%s is %q, which is not this database", databaseHeader.Name, route.Clip(got))
	}
	return nil
}
