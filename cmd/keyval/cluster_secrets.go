package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/buntime/keyval/cluster"
)

type clusterSecretsCmd struct {
	Out    string   `required:"" placeholder:"DIR" help:"Where the secrets are, or are to be made. Keep it off the nodes: what is in authority/ can make a member of the cluster."`
	Node   []string `sep:"none" placeholder:"NAME[,HOST…]" help:"A node to make secrets for, in nodes/NAME, with the hosts that its certificate is to name beside \"keyval\". Repeatable; later, too, for one node more."`
	Renew  bool     `help:"Give all nodes new raft certificates of the same authority. Each is valid for 1 year."`
	Rotate string   `enum:",gossip,raft" default:"" placeholder:"WHAT" help:"Do the next of the three steps by which the gossip key, or raft's authority with all certificates, is replaced while the nodes run: gossip or raft."`
	Force  bool     `help:"Make the secrets of a node anew that has some."`
}

// Help is what --help says beside the flags.
func (clusterSecretsCmd) Help() string {
	return `Makes the gossip key, raft's authority (valid for 10 years) and a certificate for each node (1 year, ECDSA P-256), all for their owner alone (mode 0600), and says how nodes use them.

  keyval cluster secrets --out secrets --node a --node b --node c
  keyval cluster secrets --out secrets --rotate gossip

docs/operations.md, "Rotating secrets", has the steps between.`
}

func (c *clusterSecretsCmd) Run(p process) error {
	d := secretsDir(c.Out)
	switch asked := len(c.Node) > 0; {
	case c.Rotate != "" && !asked && !c.Renew:
		return c.rotate(d, p.stdout)
	case c.Renew && !asked && c.Rotate == "":
		return c.renew(d, p.stdout)
	case asked && !c.Renew && c.Rotate == "":
		return c.add(d, p.stdout)
	}
	return fmt.Errorf("%w: say one of --node, --renew and --rotate", errUsage)
}

// add makes secrets for nodes that have none. Nothing is written before all are known to
// be right.
func (c *clusterSecretsCmd) add(d secretsDir, w io.Writer) error {
	for _, node := range c.Node {
		name, hosts := parseNode(node)
		if err := cluster.CheckNodeID(name); err != nil {
			return fmt.Errorf("%w: node: %w", errUsage, err)
		}
		for _, host := range hosts {
			if _, err := cluster.ParseHost(host); err != nil || host == "" {
				return fmt.Errorf("%w: node: %q is neither a host's name nor an IP address", errUsage, host)
			}
		}
		if exists(d.node(name, "")) && !c.Force {
			return fmt.Errorf("%w: node: %s is there already; --renew renews its certificate, --force makes it anew", errUsage, d.node(name, ""))
		}
	}
	if err := d.found(); err != nil {
		return err
	}
	for _, node := range c.Node {
		name, hosts := parseNode(node)
		if err := d.issue(name, hosts); err != nil {
			return err
		}
		if err := d.share(name); err != nil {
			return err
		}
		fmt.Fprintf(w, "made %s\n", d.node(name, ""))
	}
	fmt.Fprint(w, startAdvice)
	return nil
}

// startAdvice says what to do with a node's directory.
const startAdvice = `
Copy the content of each directory to its node, where only keyval can read it, for example to
/etc/keyval/secrets, and start all nodes with

  keyval serve --gossip-key-file /etc/keyval/secrets/gossip.keys \
    --raft-tls-cert /etc/keyval/secrets/raft.pem --raft-tls-key /etc/keyval/secrets/raft.key \
    --raft-tls-ca /etc/keyval/secrets/raft-ca.pem --raft-tls-name keyval

Nodes with secrets and nodes without do not know each other. Certificates are valid for a year:
renew them with --renew and copy them again.
`

func parseNode(text string) (name string, hosts []string) {
	parts := strings.Split(text, ",")
	return parts[0], parts[1:]
}

func (c *clusterSecretsCmd) renew(d secretsDir, w io.Writer) error {
	return c.each(d, w, d.renew, "\nCopy them to the nodes, which use them within a second. The order does not matter.\n")
}

// rotate does the next step, unless the last one was cut off: that is finished first.
func (c *clusterSecretsCmd) rotate(d secretsDir, w io.Writer) error {
	names, err := d.nodes()
	if err != nil {
		return err
	}
	for _, name := range names {
		if behind, err := d.behind(name); err != nil {
			return err
		} else if behind {
			fmt.Fprintln(w, "finishing what was cut off")
			return c.each(d, w, c.update(d), stepAdvice)
		}
	}
	step, err := d.advance(map[string]rotated{"gossip": gossipKey, "raft": raftAuthority}[c.Rotate])
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "step %d of 3: %s\n", step, stepNames[c.Rotate][step-1])
	if step == 3 {
		return c.each(d, w, c.update(d), "\nCopy them to all nodes. That was the last step.\n")
	}
	return c.each(d, w, c.update(d), stepAdvice)
}

// update is what a step changes for a node. What all nodes share comes last, so that it
// tells whether the node has all.
func (c *clusterSecretsCmd) update(d secretsDir) func(name string) error {
	return func(name string) error {
		if exists(d.path(raftAuthority, old)) { // the second step: the authority is new
			if err := d.renew(name); err != nil {
				return err
			}
		}
		return d.share(name)
	}
}

const stepAdvice = `
Copy them to all nodes, and wait until every node has logged that it uses them.
Then run this command again for the next step.
`

var stepNames = map[string][]string{
	"gossip": {"all nodes get the new key beside the old one", "all nodes encrypt with the new key", "the old key is removed"},
	"raft":   {"all nodes trust the new authority beside the old one", "all nodes get certificates of the new authority", "nobody trusts the old authority any more"},
}

// each updates the directories of all nodes and says what to do with them.
func (c *clusterSecretsCmd) each(d secretsDir, w io.Writer, update func(name string) error, advice string) error {
	names, err := d.nodes()
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fmt.Errorf("%s holds no node's secrets; make them first, with --node", filepath.Clean(c.Out))
	}
	slices.Sort(names)
	for _, name := range names {
		if err := update(name); err != nil {
			return err
		}
		fmt.Fprintf(w, "changed %s\n", d.node(name, ""))
	}
	fmt.Fprint(w, advice)
	return nil
}
