package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/watch"
)

const maxPollWait = 60_000 // milliseconds

var (
	pollWaitParam = intParam{name: "wait", doc: "How many milliseconds to wait for a change if there is none.", min: 0, max: maxPollWait}

	keyVersionsParam = textParam{name: "versionstamps", doc: "The `versionstamps` of the last answer, separated by commas, empty for missing keys: only what differs is answered. Without it, all keys that exist."}
	positionParam    = textParam{name: "versionstamps", doc: "The `versionstamps` of the last answer: only what has changed since is answered. Without it, the present state."}
)

func (s *Server) watchPollRoutes() []route {
	poll := route{
		method: http.MethodGet, tag: "watch", scope: read, waits: true,
		header: []param{minVersionstamp},
		errors: []api.Code{api.InvalidKey, api.PositionLost, api.TooLarge, api.Unavailable, api.Timeout},
	}
	keys, prefixes := poll, poll
	keys.pattern, keys.op, keys.summary, keys.serve = "/watch/poll", "watch_poll", "Ask what has changed of keys", s.pollKeys
	keys.query = append(watchKeys.params(), keyVersionsParam.param(), sinceParam, pollWaitParam.param(), consistencyParam.param())
	keys.elsewhere, prefixes.elsewhere = watchPrefixes.takenBy("/watch/prefix/poll"), watchKeys.takenBy("/watch/poll")
	keys.answers = []answerSpec{{status: 200, doc: "The entries that have changed, and the versionstamps of all keys in the order of the request.", headers: []param{versionstampAnswer}, schema: object(members{
		"entries": array(ref("Entry")), "versionstamps": array(text("Empty for a missing key.")),
	}, "entries", "versionstamps")}}
	prefixes.pattern, prefixes.op, prefixes.summary, prefixes.serve = "/watch/prefix/poll", "watch_prefix_poll", "Ask what has changed at or below prefixes", s.pollPrefix
	prefixes.query = append(watchPrefixes.params(), positionParam.param(), sinceParam, pollWaitParam.param(), consistencyParam.param(), limitParam.param())
	prefixes.answers = []answerSpec{{status: 200, doc: "The entries that have changed; deleted ones with `null`s.", headers: []param{versionstampAnswer}, schema: object(members{
		"entries": array(ref("Entry")), "versionstamps": text("Opaque. Send it with the next poll."),
	}, "entries", "versionstamps")}}
	return []route{keys, prefixes}
}

func (s *Server) pollKeys(ctx context.Context, c *call) error {
	poll, err := c.keysPoll()
	if err != nil {
		return err
	}
	changed, err := s.cfg.Watch.PollKeys(ctx, poll)
	if err != nil {
		return err
	}
	if err := c.beginPoll(changed.Position, changed.Entries); err != nil {
		return err
	}
	c.out = append(c.out, `,"versionstamps":[`...)
	for i, v := range changed.Versionstamps {
		if i > 0 {
			c.out = append(c.out, ',')
		}
		c.out = append(c.out, '"')
		c.out = append(c.out, v...)
		c.out = append(c.out, '"')
	}
	c.out = append(c.out, "]}"...)
	return nil
}

func (c *call) keysPoll() (poll watch.KeysPoll, err error) {
	if poll.Keys, err = watchKeys.get(c.query); err != nil {
		return poll, err
	}
	if poll.Since, poll.Wait, poll.Read, err = c.pollOptions(); err != nil {
		return poll, err
	}
	list, given := c.query.text(keyVersionsParam.name)
	if !given {
		return poll, nil
	}
	for element := range strings.SplitSeq(list, ",") {
		v := kv.Versionstamp("")
		if element != "" {
			if v, err = kv.ParseVersionstamp(element); err != nil {
				return poll, fmt.Errorf("%s: element %d: %w", keyVersionsParam.name, len(poll.Known)+1, err)
			}
		}
		poll.Known = append(poll.Known, v)
	}
	if len(poll.Known) != len(poll.Keys) {
		return poll, invalidArgument("there are %d versionstamps for %d keys", len(poll.Known), len(poll.Keys))
	}
	return poll, nil
}

// pollOptions are what both polls take.
func (c *call) pollOptions() (since kv.Versionstamp, wait time.Duration, read kv.ReadOptions, err error) {
	if _, given := c.query.text("versionstamps"); given && c.query[sinceParam.name] != nil {
		return "", 0, read, invalidArgument("since and versionstamps cannot be given together")
	}
	if since, err = c.since(); err != nil {
		return "", 0, read, err
	}
	milliseconds, err := pollWaitParam.get(c.query)
	if err != nil {
		return "", 0, read, err
	}
	read, err = c.readOptions()
	return since, time.Duration(milliseconds) * time.Millisecond, read, err
}

// beginPoll begins the answer to a poll with what has changed.
func (c *call) beginPoll(position kv.Versionstamp, changed []kv.Entry) error {
	c.setVersionstamp(position)
	if err := c.reserve(entriesBytes(changed)); err != nil {
		return err
	}
	c.out = appendEntries(append(c.out, `{"entries":`...), changed)
	return nil
}

func (s *Server) pollPrefix(ctx context.Context, c *call) error {
	poll, err := c.prefixPoll()
	if err != nil {
		return err
	}
	changed, err := s.cfg.Watch.PollPrefix(ctx, poll)
	if err != nil {
		return err
	}
	if err := c.beginPoll(changed.Position, changed.Entries); err != nil {
		return err
	}
	c.out = append(c.out, `,"versionstamps":"`...)
	c.out = append(c.out, changed.Position...)
	c.out = append(c.out, `"}`...)
	return nil
}

func (c *call) prefixPoll() (poll watch.PrefixPoll, err error) {
	if poll.Prefixes, err = watchPrefixes.get(c.query); err != nil {
		return poll, err
	}
	limit, err := limitParam.get(c.query)
	if err != nil {
		return poll, err
	}
	poll.Limit = int(min(limit, maxListLimit))
	if poll.Since, poll.Wait, poll.Read, err = c.pollOptions(); err != nil {
		return poll, err
	}
	known, _ := c.query.text(positionParam.name)
	switch {
	case known == "":
	case strings.Contains(known, ":"):
		poll.Known, err = parseKnownEntries(known)
	default:
		if poll.Since, err = kv.ParseVersionstamp(known); err != nil {
			err = invalidArgument("versionstamps is %q, want what the last answer had", clip(known))
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
			return nil, invalidArgument("versionstamps: %q is no key:versionstamp", clip(pair))
		}
		key, err := kv.ParseKeyPath(pair[:colon])
		if err != nil {
			return nil, fmt.Errorf("versionstamps: %w", err)
		}
		// One in the original server's form is just another version.
		known[key] = kv.Versionstamp(pair[colon+1:])
	}
	if len(known) > maxWatchKeys {
		return nil, invalidArgument("versionstamps has %d keys, at most %d are allowed", len(known), maxWatchKeys)
	}
	return known, nil
}
