package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/buntime/keyval/bench"
	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/httpapi/api"
	"github.com/buntime/keyval/kv"
)

// What a benchmark can be told, by group.

func benchGroups() []kong.Group {
	return []kong.Group{
		{Key: "target", Title: "Target:"},
		{Key: "load", Title: "Load:"},
		{Key: "workload", Title: "Workload:"},
		{Key: "results", Title: "Results:"},
	}
}

// benchTarget is what is measured, and where in it.
type benchTarget struct {
	URL    []string `name:"url" env:"KEYVAL_URL" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server. Repeatable: connections are dealt out to the nodes of a cluster in turn."`
	Token  string   `env:"KEYVAL_TOKEN" placeholder:"SECRET" secret:"" help:"The secret of a token, for a server that asks for one. Better set in the environment: a command line can be seen by everyone on the machine."`
	TLSCA  string   `name:"tls-ca" env:"KEYVAL_TLS_CA" placeholder:"FILE" help:"PEM file with the authorities that sign the server's certificate. Default: those that the system trusts."`
	Prefix string   `placeholder:"KEY" help:"Where to work in a database that is not empty, such as bench/1. Nothing may be below it yet; what the benchmark makes there is removed at its end."`
	Name   string   `placeholder:"TARGET" help:"What the reports call the server. Default: its URL."`
}

// benchLoad is how much is asked, and for how long.
type benchLoad struct {
	Connections []int         `default:"64" placeholder:"N" help:"How many connections, each with one request at a time. A list such as 1,8,64 measures each."`
	Rate        []float64     `placeholder:"N" help:"How many operations begin in a second over all connections, whatever the server does: an open loop. A list measures each. Default: a closed loop, each connection begins one when its last has ended."`
	Duration    time.Duration `default:"10s" placeholder:"TIME" help:"How long each load is measured."`
	WarmUp      time.Duration `default:"2s" placeholder:"TIME" help:"How long each load runs before that, unmeasured."`
	Repeat      int           `default:"1" placeholder:"N" help:"How often each load is measured, in turn with the others; compare needs 3 at least, and is sure of less with 5 or more."`
}

// benchData is what a workload works with. Not given, a workload's own default holds; given
// to a workload that does not use it, it is refused.
type benchData struct {
	Keys        int        `placeholder:"N" help:"How many different keys. Default: 10000."`
	ValueSize   valueSizes `placeholder:"SIZE" help:"How large values are as JSON, such as 100, 4KiB, or a range: 10-1024. Default: 100."`
	Seed        int64      `default:"1" placeholder:"N" help:"Makes keys, values and their order: the same seed, the same requests."`
	Mix         string     `placeholder:"LETTER" help:"YCSB's mix for mixed: a (half updates), b (5 % updates), c (reads only), d (latest), e (short scans) or f (read-modify-write). Default: a."`
	Watchers    int        `placeholder:"N" help:"How many streams watch. Default: 1000."`
	Limit       int        `placeholder:"N" help:"How many entries a list, filter or search asks for. Default: 100."`
	Consistency string     `enum:",session,strong,eventual" default:"" placeholder:"LEVEL" help:"That of reads: session, strong or eventual. Default: the server's."`
}

// flagOf is the flag of a field of bench.Config or workload.Settings.
func flagOf(field string) string {
	switch field {
	case "URLs":
		return "url"
	case "ValueBytes":
		return "value-size"
	case "Rates":
		return "rate"
	case "WarmUp":
		return "warm-up"
	}
	return strings.ToLower(field)
}

// config is the series that the flags ask for.
func (c *benchWorkloadCmd) config(name string, from *layers) (bench.Config, error) {
	if err := c.checkZero(from); err != nil {
		return bench.Config{}, err
	}
	settings := c.benchData.over(workload.Defaults())
	var err error
	if settings.URLs, err = c.urls(from); err != nil {
		return bench.Config{}, err
	}
	if settings.Prefix, err = c.prefix(from); err != nil {
		return bench.Config{}, err
	}
	if settings.TLS, err = c.tls(from); err != nil {
		return bench.Config{}, err
	}
	if c.Seed < 0 {
		return bench.Config{}, from.badSetting("seed", fmt.Sprintf("%d is below 0", c.Seed))
	}
	if c.Repeat < 1 {
		return bench.Config{}, from.badSetting("repeat", fmt.Sprintf("%d is below 1", c.Repeat))
	}
	settings.Token, settings.Seed = c.secret(), uint64(c.Seed)
	return bench.Config{
		Workload:      name,
		Settings:      settings,
		Target:        c.Name,
		OwnPrefix:     c.Prefix != "",
		AuthorityFile: c.TLSCA,
		Connections:   c.Connections,
		Rates:         c.Rate,
		Repeat:        c.Repeat,
		WarmUp:        c.WarmUp,
		Duration:      c.Duration,
	}, nil
}

// checkZero refuses a 0 that somebody has asked for, which over takes for nothing.
func (d benchData) checkZero(from *layers) error {
	for _, each := range []struct {
		flag string
		zero bool
	}{
		{"keys", d.Keys == 0}, {"watchers", d.Watchers == 0}, {"limit", d.Limit == 0},
	} {
		if each.zero && from.source(each.flag) != "default" {
			return from.badSetting(each.flag, "is 0; use a value above 0, or leave it out")
		}
	}
	return nil
}

// over are the defaults with what was given in their place.
func (d benchData) over(s workload.Settings) workload.Settings {
	if d.Keys != 0 {
		s.Keys = d.Keys
	}
	if d.ValueSize != (valueSizes{}) {
		s.ValueBytes = d.ValueSize
	}
	if d.Mix != "" {
		s.Mix = d.Mix
	}
	if d.Watchers != 0 {
		s.Watchers = d.Watchers
	}
	if d.Limit != 0 {
		s.Limit = d.Limit
	}
	if d.Consistency != "" {
		s.Consistency = d.Consistency
	}
	return s
}

// secret is the token without the line's end that it has in a file.
func (t benchTarget) secret() string { return strings.TrimSpace(t.Token) }

// tls trusts the authorities of --tls-ca, and nobody else.
func (t benchTarget) tls(from *layers) (*tls.Config, error) {
	if t.TLSCA == "" {
		return nil, nil
	}
	content, err := os.ReadFile(t.TLSCA)
	if err != nil {
		return nil, from.badSetting("tls-ca", err.Error())
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(content) {
		return nil, from.badSetting("tls-ca", fmt.Sprintf("%q holds no PEM certificate", t.TLSCA))
	}
	return &tls.Config{RootCAs: authorities}, nil
}

// urls refuses what would be in reports with a password in it, without repeating it.
func (t benchTarget) urls(from *layers) ([]string, error) {
	if err := from.checkList("url", t.URL); err != nil {
		return nil, err
	}
	list := trimmed(t.URL)
	for i, text := range list {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
			return nil, from.badSetting("url", "is no URL; use http://HOST:PORT or https://HOST:PORT")
		}
		if u.User != nil {
			return nil, from.badSetting("url", "has a name or password in it; use KEYVAL_TOKEN")
		}
		list[i] = strings.TrimRight(text, "/")
	}
	return list, nil
}

// prefix is the key that --prefix writes as URLs do.
func (t benchTarget) prefix(from *layers) (api.Key, error) {
	if t.Prefix == "" {
		return nil, nil
	}
	parsed, err := kv.ParseKeyPath(t.Prefix)
	if err != nil {
		return nil, from.badSetting("prefix", err.Error())
	}
	var key api.Key
	if err := json.Unmarshal(parsed.AppendJSON(nil), &key); err != nil {
		return nil, from.badSetting("prefix", fmt.Sprintf("is no key: %v", err))
	}
	return key, nil
}
