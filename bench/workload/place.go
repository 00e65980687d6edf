package workload

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/httpapi/client"
)

// place is where a workload works: its endpoints, and its prefix in all the forms in which a
// request has it.
type place struct {
	Settings
	// path is the prefix in a URL's path, query in a query, json as JSON but for the
	// bracket at its end: a key's number and that bracket follow.
	path, query, json string
	// reading is the parameter of reads with the consistency, empty for the server's own.
	reading string
	// client is for what is not measured.
	client *client.Client
}

func newPlace(s Settings) (*place, error) {
	path, err := s.Prefix.Path()
	if err != nil {
		return nil, badSetting("Prefix", "%v", err)
	}
	text, err := s.Prefix.MarshalJSON()
	if err != nil {
		return nil, badSetting("Prefix", "%v", err)
	}
	c, err := s.Client(s.URLs)
	if err != nil {
		return nil, badSetting("URLs", "%v", err)
	}
	p := &place{Settings: s, path: path, query: url.QueryEscape(path), json: strings.TrimSuffix(string(text), "]"), client: c}
	if s.Consistency != "" {
		p.reading = "consistency=" + s.Consistency
	}
	return p, nil
}

// key is the n-th key.
func (p *place) key(n int) api.Key {
	return append(p.Prefix[:len(p.Prefix):len(p.Prefix)], n)
}

// endpoint is the URL of the i-th worker.
func (p *place) endpoint(i int) string { return p.URLs[i%len(p.URLs)] }

// Clean removes every key below the prefix. It looks again, because a write that the end of a
// run has cut off may arrive late.
func (p *place) Clean(ctx context.Context) error {
	defer p.client.CloseIdleConnections()
	for {
		if err := p.deleteKeys(ctx); err != nil {
			return err
		}
		left, err := p.client.Count(ctx, api.CountRequest{Prefix: p.Prefix, Consistency: api.Strong})
		if err != nil || left == 0 {
			return err
		}
	}
}

// deleteKeys goes on where the server's patience with one request ended.
func (p *place) deleteKeys(ctx context.Context) error {
	for {
		_, err := p.client.DeletePrefix(ctx, p.Prefix)
		refused, ok := errors.AsType[*api.Error](err)
		if !ok || refused.Code != api.Timeout || refused.DeletedCount == 0 {
			return err
		}
	}
}
