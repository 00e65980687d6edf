package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// nodeTarget is a node that a command asks over HTTP.
type nodeTarget struct {
	URL        string        `name:"url" env:"KEYVAL_URL" default:"http://127.0.0.1:8080" placeholder:"URL" help:"Where the node serves."`
	Timeout    time.Duration `default:"5s" placeholder:"TIME" help:"How long to wait for its answer."`
	Token      string        `env:"KEYVAL_TOKEN" placeholder:"SECRET" secret:"" help:"The secret of a token, for a node that asks for one. Better set in the environment: a command line can be seen by everyone on the machine."`
	SkipVerify bool          `help:"Accept any certificate: for a check over loopback, where its name does not match."`
}

// get returns status and body (at most 1 MiB) of a route under /.
func (t nodeTarget) get(ctx context.Context, from *layers, route string) (status int, body []byte, err error) {
	base, err := url.Parse(t.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return 0, nil, from.badSetting("url", "is no URL; use http://HOST:PORT or https://HOST:PORT")
	}
	if t.Timeout <= 0 {
		return 0, nil, from.badSetting("timeout", fmt.Sprintf("%v is not above 0; use a time such as 5s", t.Timeout))
	}
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath(route).String(), nil)
	if err != nil {
		return 0, nil, err
	}
	if token := strings.TrimSpace(t.Token); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := t.client().Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("%s does not answer: %w", base.Redacted(), withoutURL(err))
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return answer.StatusCode, body, err
}

func (t nodeTarget) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:             nil, // a node is asked directly
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: t.SkipVerify},
		},
		// A node sends nobody elsewhere, and the token is for nobody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// withoutURL is a client error without the URL, which the message has already.
func withoutURL(err error) error {
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		return urlErr.Err
	}
	return err
}

type checkCmd struct {
	nodeTarget
}

func (c *checkCmd) Run(ctx context.Context, from *layers, p process) error {
	status, body, err := c.get(ctx, from, "readyz")
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("not ready: status %d: %s", status, excerpt(body))
	}
	_, err = fmt.Fprintln(p.stdout, "ready")
	return err
}

// excerpt is the beginning of an answer that was not expected, on one line.
func excerpt(body []byte) string {
	text := strings.Join(strings.Fields(string(body[:min(len(body), 300)])), " ")
	if text == "" {
		return "(empty answer)"
	}
	return text
}
