package nodetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
)

// Prometheus is a running Prometheus, as a child process, with a database of its own.
type Prometheus struct {
	process *Process
	port    *Port
	client  *http.Client
	dir     string // holds the configuration file and the database
}

// StartPrometheus starts Prometheus with the text of a configuration file and returns when
// it is ready. A configuration that it does not accept is an error with its own words. ctx
// bounds the start only; without a deadline it takes at most 2 minutes.
func StartPrometheus(ctx context.Context, config string) (*Prometheus, error) {
	path, err := FindPrometheus()
	if err != nil {
		return nil, err
	}
	p := &Prometheus{client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	if p.port, err = ReservePort(); err != nil {
		return nil, err
	}
	if err := p.start(ctx, path, config); err != nil {
		return nil, errors.Join(fmt.Errorf("start prometheus: %w", err), p.Close())
	}
	return p, nil
}

func (p *Prometheus) start(ctx context.Context, path, config string) (err error) {
	if p.dir, err = os.MkdirTemp("", "keyval-prometheus-*"); err != nil {
		return err
	}
	file := filepath.Join(p.dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	p.process = NewProcess(Command{Path: path, Args: []string{
		"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(p.dir, "data"),
		"--web.listen-address=" + p.port.Addr(), "--log.level=warn",
	}})
	if err := p.process.Start(); err != nil {
		return err
	}
	if err := waitReady(ctx, p.process, func(ctx context.Context) error { return p.get(ctx, "/-/ready", nil) }); err != nil {
		return fmt.Errorf("%w; its log ends:\n%s", err, lastLines(p.Logs(), 30))
	}
	return nil
}

// get decodes the answer to a request, unless into is nil.
func (p *Prometheus) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL()+path, nil)
	if err != nil {
		return err
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if into != nil {
		return json.NewDecoder(response.Body).Decode(into)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return nil
}

// Query returns the values of an expression that is an instant vector, one for each of
// its series.
func (p *Prometheus) Query(ctx context.Context, expression string) ([]float64, error) {
	var answer struct {
		Error string
		Data  struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := p.get(ctx, "/api/v1/query?query="+url.QueryEscape(expression), &answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s", expression, answer.Error)
	}
	var values []float64
	for _, row := range answer.Data.Result {
		text, _ := row.Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// Rules returns what Prometheus says of each alert's last evaluation: "unknown" before the
// first one, "ok", or its error.
func (p *Prometheus) Rules(ctx context.Context) (map[string]string, error) {
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	if err := p.get(ctx, "/api/v1/rules", &answer); err != nil {
		return nil, err
	}
	rules := make(map[string]string)
	for _, group := range answer.Data.Groups {
		for _, rule := range group.Rules {
			rules[rule.Name] = rule.Health
			if rule.LastError != "" {
				rules[rule.Name] = rule.LastError
			}
		}
	}
	return rules, nil
}

// URL is the address of its API, without trailing slash.
func (p *Prometheus) URL() string { return "http://" + p.port.Addr() }

// Logs returns the last 256 KiB that Prometheus wrote.
func (p *Prometheus) Logs() string { return p.process.Logs() }

// Close kills Prometheus, waits for it, and removes what it has written.
func (p *Prometheus) Close() error {
	var errs []error
	if p.process != nil {
		errs = append(errs, p.process.Kill())
	}
	errs = append(errs, p.port.Close())
	if p.dir != "" {
		errs = append(errs, os.RemoveAll(p.dir))
	}
	return errors.Join(errs...)
}
