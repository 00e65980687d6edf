package bench

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

// checkEmpty refuses a place where something is that is not the benchmark's: it would be
// measured, too, and removed with the rest. Each server is asked: they may not be of one
// cluster, whatever the caller believes.
func checkEmpty(ctx context.Context, cfg Config) error {
	for _, url := range cfg.Settings.URLs {
		if err := checkEmptyAt(ctx, cfg, url); err != nil {
			return err
		}
	}
	return nil
}

func checkEmptyAt(ctx context.Context, cfg Config, url string) error {
	c, err := cfg.Settings.Client([]string{url}, client.WithConsistency(api.Strong), client.WithRetry(client.RetryPolicy{MaxAttempts: 1, AttemptTimeout: cfg.answerTime()}))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadConfig, err)
	}
	defer c.CloseIdleConnections()
	if err := (place{cfg, url, c}).check(ctx); err != nil {
		return cfg.explained(err, url)
	}
	return nil
}

func (c Config) answerTime() time.Duration { return cmp.Or(c.AnswerTime, 10*time.Second) }

// A place is where a benchmark is to work.
type place struct {
	Config
	url    string
	client *client.Client
}

func (p place) check(ctx context.Context) error {
	if p.OwnPrefix {
		return p.checkPrefix(ctx)
	}
	entries, err := p.client.List(ctx, api.ListRequest{Limit: 1})
	if err != nil {
		return err
	}
	stats, err := p.client.QueueStats(ctx, "")
	if err != nil && !errors.Is(err, api.Forbidden) { // a token without queues uses none
		return err
	}
	if len(entries) > 0 || stats.Total > 0 {
		advice := "name a place of the benchmark's own there, such as --prefix bench/1, or use an empty database"
		if len(entries) > 0 && isLeftover(entries[0].Key) {
			advice = "if a benchmark that was ended by force has left it, " + p.byHand() + "; else " + advice
		}
		return fmt.Errorf("%s is %w: nothing was touched; %s", p.url, ErrNotEmpty, advice)
	}
	return nil
}

// isLeftover says whether a key is one of a benchmark without a prefix of its own.
func isLeftover(key api.Key) bool {
	usual := workload.Defaults().Prefix
	return len(key) > len(usual) && slices.Equal(key[:len(usual)], usual)
}

// checkPrefix looks at the prefix itself, too: a list has only what is below it.
func (p place) checkPrefix(ctx context.Context) error {
	prefix := p.Settings.Prefix
	below, err := p.client.List(ctx, api.ListRequest{Prefix: prefix, Limit: 1})
	if err != nil {
		return err
	}
	at, err := p.client.GetMany(ctx, []api.Key{prefix})
	if err != nil {
		return err
	}
	if len(below) > 0 || at[0].Exists() {
		return fmt.Errorf("the prefix is %w at %s: nothing was touched; choose another --prefix, or, if all of it can go, %s", ErrNotEmpty, p.url, p.byHand())
	}
	return nil
}

// explained adds what to do to what a server answers.
func (c Config) explained(err error, url string) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s does not answer within %v", url, c.answerTime())
	case errors.Is(err, ErrNotEmpty):
		return err
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return fmt.Errorf("%s: %w; name the file with its authority by --tls-ca", url, err)
	case errors.Is(err, api.Unauthenticated):
		return fmt.Errorf("%s: %w; set KEYVAL_TOKEN to the secret of a token", url, err)
	case errors.Is(err, api.Forbidden):
		return fmt.Errorf("%s: %w; a token that is bound to a prefix needs --prefix below it, and the scopes read and write", url, err)
	}
	return fmt.Errorf("%s: %w", url, err)
}

// byHand says how to remove what may be left.
func (c Config) byHand() string {
	text := "remove it by curl -X DELETE"
	for _, target := range workload.Leftover(c.Workload, c.Settings) {
		text += " '" + withoutUser(c.Settings.URLs[0]) + target + "'"
	}
	if c.AuthorityFile != "" {
		text += " --cacert '" + c.AuthorityFile + "'"
	}
	if c.Settings.Token != "" {
		text += ` -H "Authorization: Bearer $KEYVAL_TOKEN"`
	}
	return text
}
