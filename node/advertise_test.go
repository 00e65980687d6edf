package node_test

import (
	"net"
	"strings"
	"testing"

	"github.com/buntime/keyval/node"
	"github.com/buntime/keyval/node/testnode"
)

func TestOthersAreToldWhereTheAPIIsReached(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*node.Config)
		want   string // with PORT for that on which the API listens
	}{
		"one address":                       {func(*node.Config) {}, "127.0.0.1:PORT"},
		"every IPv4 address":                {func(c *node.Config) { c.HTTPAddr, c.Insecure = "0.0.0.0:0", true }, "127.0.0.1:PORT"},
		"every address":                     {func(c *node.Config) { c.HTTPAddr, c.Insecure = ":0", true }, "127.0.0.1:PORT"},
		"what the setting says":             {func(c *node.Config) { c.HTTPAdvertise = "kv.example:443" }, "kv.example:443"},
		"a setting without a port":          {func(c *node.Config) { c.HTTPAdvertise = "kv.example" }, "kv.example:PORT"},
		"a setting with an IPv6 address":    {func(c *node.Config) { c.HTTPAdvertise = "fd00::1" }, "[fd00::1]:PORT"},
		"a setting with one and its braces": {func(c *node.Config) { c.HTTPAdvertise = "[fd00::1]" }, "[fd00::1]:PORT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testnode.NodeConfig(t.TempDir())
			c.change(&cfg)
			n := testnode.MustStartNode(t, cfg)
			_, port, err := net.SplitHostPort(strings.TrimPrefix(n.URL(), "http://"))
			if err != nil {
				t.Fatal(err)
			}
			if host := strings.TrimPrefix(n.URL(), "http://"); cfg.HTTPAddr == "0.0.0.0:0" && !strings.HasPrefix(host, "0.0.0.0:") {
				t.Errorf("it says that it serves on %s, and was told 0.0.0.0", host)
			}
			want := strings.Replace(c.want, "PORT", port, 1)
			status, err := n.Client.Cluster(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if status.Node.HTTPAddr != want || len(status.Members) != 1 || status.Members[0].HTTPAddr != want {
				t.Errorf("/cluster says %s and %+v, want %s", status.Node.HTTPAddr, status.Members, want)
			}
		})
	}
}
