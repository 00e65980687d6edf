package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/buntime/keyval/httpapi/access"
	"github.com/buntime/keyval/httpapi/access/authfile"
	"github.com/buntime/keyval/node"
)

type tokenNewCmd struct {
	Name        string   `required:"" placeholder:"NAME" help:"What logs and metrics call it; no other token has the name."`
	Scope       []string `required:"" enum:"read,write,queue,watch,admin" placeholder:"SCOPE" help:"What it may do: read, write, queue, watch or admin. Repeatable, or with commas."`
	Prefix      []string `sep:"none" placeholder:"PREFIX" help:"It reaches only what is at or below this key, in the form of URLs, such as users or orders/~i:5. Repeatable. Default: all keys."`
	Queue       []string `placeholder:"QUEUE" help:"It reaches only this queue. Repeatable. Default: all queues."`
	Expires     string   `placeholder:"WHEN" help:"When it ends: in 90d or 12h, or at 2027-01-31 or 2027-01-31T12:00:00Z. Default: never."`
	Rate        float64  `placeholder:"N" help:"How many requests it has a second. Default: as the node's settings say; so for the others."`
	Burst       int      `placeholder:"N" help:"How many requests it may have at once beyond that."`
	Requests    int      `placeholder:"N" help:"How many requests it has under way at a time."`
	Streams     int      `placeholder:"N" help:"How many streams it has open at a time."`
	Certificate bool     `help:"Make no secret: whoever shows a client certificate with this common name has the token."`
	tokenFile
}

func (c *tokenNewCmd) Run(from *layers, p process) error {
	entry, secret, err := c.token(from, time.Now())
	if err != nil {
		return err
	}
	if err := c.edit(from, func(content []byte) ([]byte, error) { return c.add(content, entry, from) }); err != nil {
		return err
	}
	if c.Certificate {
		fmt.Fprintf(p.stderr, "The token %q is in %s. Whoever shows a client certificate with the common name %q has it.\n", c.Name, c.AuthFile, c.Name)
		return nil
	}
	fmt.Fprintf(p.stderr, "The token %q is in %s, which has only a hash of its secret. This is the secret; it is not shown again.\nSend it as Authorization: Bearer, or set KEYVAL_TOKEN for keyval and its Go client.\n", c.Name, c.AuthFile)
	_, err = fmt.Fprintln(p.stdout, secret)
	return err
}

// token is what the flags describe.
func (c *tokenNewCmd) token(from *layers, now time.Time) (authfile.Entry, string, error) {
	expires, err := parseExpiry(c.Expires, now)
	if err != nil {
		return authfile.Entry{}, "", from.badSetting("expires", err.Error())
	}
	if err := authfile.CheckName(c.Name); err != nil {
		return authfile.Entry{}, "", from.badSetting("name", err.Error())
	}
	if c.Rate < 0 || min(c.Burst, c.Requests, c.Streams) < 0 {
		return authfile.Entry{}, "", fmt.Errorf("%w: a limit is below 0; leave it out for what the node's settings say", errUsage)
	}
	token := access.Token{
		Name: c.Name, Expires: expires, Queues: c.Queue,
		Limits: access.Limits{RequestsPerSecond: c.Rate, Burst: c.Burst, Requests: c.Requests, Streams: c.Streams},
	}
	if token.Scopes, err = authfile.ParseScopes(c.Scope); err != nil {
		return authfile.Entry{}, "", from.badSetting("scope", err.Error())
	}
	entry, secret := authfile.New(token, c.Prefix, c.Certificate)
	return entry, secret, nil
}

// add appends the token, unless its name is taken or its bounds are none.
func (c *tokenNewCmd) add(content []byte, entry authfile.Entry, from *layers) ([]byte, error) {
	if there, err := authfile.Parse(content, node.TokenRules); err == nil && slices.ContainsFunc(there, func(e authfile.Entry) bool { return e.Name == c.Name }) {
		return nil, from.badSetting("name", fmt.Sprintf("%s has a token %q already; choose another name, or take that one out first: keyval token revoke", c.AuthFile, c.Name))
	}
	edited, err := authfile.Append(content, entry, node.TokenRules)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	return edited, nil
}

var errExpiry = errors.New("is no time to come; use 90d or 12h from now, or a date such as 2027-01-31 or 2027-01-31T12:00:00Z")

// parseExpiry reads a time from now on, or a date, which begins in UTC. Nothing is never.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	expires, err := time.Parse(time.RFC3339, text)
	if err != nil {
		expires, err = time.Parse(time.DateOnly, text)
	}
	if err != nil {
		life, lifeErr := parseLife(text)
		expires, err = now.Add(life).Truncate(time.Second), lifeErr
	}
	if err != nil || !expires.After(now) || expires.Year() > 9999 {
		return time.Time{}, errExpiry
	}
	return expires.UTC(), nil
}

// parseLife reads days, or what durations are written in.
func parseLife(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}
