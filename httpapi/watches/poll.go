package watches

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/route"
	"github.com/buntime/keyval/httpapi/wire"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

const maxPollWait = 60_000 // milliseconds

var (
	pollWaitParam = route.IntParam{Name: "wait", Doc: "How many milliseconds to wait for a change if there is none.", Min: 0, Max: maxPollWait}

	keyVersionsParam = route.TextParam{Name: "versionstamps", Doc: "The `versionstamps` of the last answer, separated by commas, empty for missing keys: only what differs is answered. Without it, all keys that exist."}
	positionParam    = route.TextParam{Name: "versionstamps", Doc: "The `versionstamps` of the last answer: only what has changed since is answered. Without it, the present state."}
)

func (w *room) watchPollRoutes() []route.Route {
	poll := route.Route{
		Method: http.MethodGet, Tag: tagWatch, Scope: access.Watch, Waits: true,
		Header: []route.Param{wire.MinVersionstamp},
		Errors: []api.Code{api.InvalidKey, api.PositionLost, api.TooLarge, api.Unavailable, api.Timeout},
	}
	keys, prefixes := poll, poll
	keys.Pattern, keys.Op, keys.Summary, keys.Serve = "/watch/poll", "watch_poll", "Ask what has changed of keys", w.pollKeys
	keys.Query = append(watchKeys.params(), keyVersionsParam.Param(), sinceParam, pollWaitParam.Param(), wire.ConsistencyParam.Param())
	keys.Elsewhere, prefixes.Elsewhere = watchPrefixes.takenBy("/watch/prefix/poll"), watchKeys.takenBy("/watch/poll")
	keys.Answers = []route.Answer{{Status: 200, Doc: "The entries that have changed, and the versionstamps of all keys in the order of the request.", Headers: []route.Param{wire.VersionstampAnswer}, Schema: route.Object(route.Members{
		"entries": route.Array(route.Ref("Entry")), "versionstamps": route.Array(route.Text("Empty for a missing key.")),
	}, "entries", "versionstamps")}}
	prefixes.Pattern, prefixes.Op, prefixes.Summary, prefixes.Serve = "/watch/prefix/poll", "watch_prefix_poll", "Ask what has changed at or below prefixes", w.pollPrefix
	prefixes.Query = append(watchPrefixes.params(), positionParam.Param(), sinceParam, pollWaitParam.Param(), wire.ConsistencyParam.Param(), wire.LimitParam.Param())
	prefixes.Answers = []route.Answer{{Status: 200, Doc: "The entries that have changed; deleted ones with `null`s.", Headers: []route.Param{wire.VersionstampAnswer}, Schema: route.Object(route.Members{
		"entries": route.Array(route.Ref("Entry")), "versionstamps": route.Text("Opaque. Send it with the next poll."),
	}, "entries", "versionstamps")}}
	return []route.Route{keys, prefixes}
}

func (w *room) pollKeys(ctx context.Context, c *route.Call) error {
	poll, err := w.keysPoll(c)
	if err != nil {
		return err
	}
	changed, err := w.Watch.For(c.Grant).PollKeys(ctx, poll)
	if err != nil {
		return err
	}
	if err := beginPoll(c, changed.Position, changed.Entries); err != nil {
		return err
	}
	c.Out = append(c.Out, `,"versionstamps":`...)
	c.Out = route.AppendArray(c.Out, changed.Versionstamps, func(dst []byte, v *kv.Versionstamp) []byte {
		dst = append(dst, '"')
		dst = append(dst, *v...)
		return append(dst, '"')
	})
	c.Out = append(c.Out, '}')
	return nil
}

func (w *room) keysPoll(c *route.Call) (poll watch.KeysPoll, err error) {
	if poll.Keys, err = watchKeys.get(c.Query); err != nil {
		return poll, err
	}
	if poll.Since, poll.Wait, poll.Read, err = w.pollOptions(c); err != nil {
		return poll, err
	}
	list, given := c.Query.Text(keyVersionsParam.Name)
	if !given {
		return poll, nil
	}
	for element := range strings.SplitSeq(list, ",") {
		v := kv.Versionstamp("")
		if element != "" {
			if v, err = kv.ParseVersionstamp(element); err != nil {
				return poll, fmt.Errorf("%s: element %d: %w", keyVersionsParam.Name, len(poll.Known)+1, err)
			}
		}
		poll.Known = append(poll.Known, v)
	}
	if len(poll.Known) != len(poll.Keys) {
		return poll, route.InvalidArgument("there are %d versionstamps for %d keys", len(poll.Known), len(poll.Keys))
	}
	return poll, nil
}

// pollOptions are what both polls take.
func (w *room) pollOptions(c *route.Call) (after kv.Versionstamp, wait time.Duration, read kv.ReadOptions, err error) {
	if _, given := c.Query.Text("versionstamps"); given && c.Query[sinceParam.Name] != nil {
		return "", 0, read, route.InvalidArgument("since and versionstamps cannot be given together")
	}
	if after, err = since(c); err != nil {
		return "", 0, read, err
	}
	milliseconds, err := pollWaitParam.Get(c.Query)
	if err != nil {
		return "", 0, read, err
	}
	read, err = wire.ReadOptions(c, w.DefaultConsistency, "")
	return after, time.Duration(milliseconds) * time.Millisecond, read, err
}

// beginPoll begins the answer to a poll with what has changed.
func beginPoll(c *route.Call, position kv.Versionstamp, changed []kv.Entry) error {
	wire.SetVersionstamp(c, position)
	if err := c.Reserve(wire.EntriesBytes(changed)); err != nil {
		return err
	}
	c.Out = wire.AppendEntries(append(c.Out, `{"entries":`...), changed)
	return nil
}

func (w *room) pollPrefix(ctx context.Context, c *route.Call) error {
	poll, err := w.prefixPoll(c)
	if err != nil {
		return err
	}
	changed, err := w.Watch.For(c.Grant).PollPrefix(ctx, poll)
	if err != nil {
		return err
	}
	if err := beginPoll(c, changed.Position, changed.Entries); err != nil {
		return err
	}
	c.Out = append(c.Out, `,"versionstamps":"`...)
	c.Out = append(c.Out, changed.Position...)
	c.Out = append(c.Out, `"}`...)
	return nil
}

func (w *room) prefixPoll(c *route.Call) (poll watch.PrefixPoll, err error) {
	if poll.Prefixes, err = watchPrefixes.get(c.Query); err != nil {
		return poll, err
	}
	if poll.Limit, err = wire.Limit(c.Query); err != nil {
		return poll, err
	}
	if poll.Since, poll.Wait, poll.Read, err = w.pollOptions(c); err != nil {
		return poll, err
	}
	known, _ := c.Query.Text(positionParam.Name)
	switch {
	case known == "":
	case strings.Contains(known, ":"):
		poll.Known, err = parseKnownEntries(known)
	default:
		if poll.Since, err = kv.ParseVersionstamp(known); err != nil {
			err = route.InvalidArgument("versionstamps is %q, want what the last answer had", route.Clip(known))
		}
	}
	return poll, err
}

// parseKnownEntries reads what a client of the original server has: key:version
// pairs separated by commas, the parts of a key joined by slashes.
func parseKnownEntries(list string) (map[kv.Key]kv.Versionstamp, error) {
	known := map[kv.Key]kv.Versionstamp{}
	for pair := range strings.SplitSeq(list, ",") {
		colon := strings.LastIndexByte(pair, ':')
		if colon < 0 {
			return nil, route.InvalidArgument("versionstamps: %q is no key:versionstamp", route.Clip(pair))
		}
		key, err := kv.ParseKeyPath(pair[:colon])
		if err != nil {
			return nil, fmt.Errorf("versionstamps: %w", err)
		}
		// One in the original server's form is just another version.
		known[key] = kv.Versionstamp(pair[colon+1:])
	}
	if len(known) > maxWatchKeys {
		return nil, route.InvalidArgument("versionstamps has %d keys, at most %d are allowed", len(known), maxWatchKeys)
	}
	return known, nil
}
