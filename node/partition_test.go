package node_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/buntime/keyval/internal/await"
	"github.com/buntime/keyval/node/nodetest"
)

// A lan is hosts in network namespaces of their own, connected by a bridge, and the
// machine itself at its first address. Its names and addresses belong to this
// process, so that two test runs do not meet.
type lan struct {
	subnet string // 10.x.y
	tag    string
}

// mustMakeLAN makes a network of so many hosts, or skips the test where that is not
// allowed.
func mustMakeLAN(t *testing.T, hosts int) *lan {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, nothing was tested: partitions need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		nodetest.SkipIfMissing(t, fmt.Errorf("ip is not installed (run: make tools): %w", nodetest.ErrToolMissing))
	}
	pid := os.Getpid()
	l := &lan{subnet: fmt.Sprintf("10.%d.%d", 64+pid/256%128, pid%256), tag: fmt.Sprintf("kv%x", pid%0xffffff)}
	if err := l.ip("link", "add", l.tag, "type", "bridge"); err != nil {
		t.Skipf("SKIPPED, nothing was tested: this machine makes no bridges: %v", err)
	}
	t.Cleanup(func() { _ = l.ip("link", "delete", l.tag) })
	l.must(t, "addr", "add", l.subnet+".1/24", "dev", l.tag)
	l.must(t, "link", "set", l.tag, "up")
	for i := range hosts {
		space, port := l.host(i), l.port(i)
		l.must(t, "netns", "add", space)
		t.Cleanup(func() { _ = l.ip("netns", "delete", space) })
		l.must(t, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
		l.must(t, "link", "set", port, "master", l.tag, "up")
		for _, line := range []string{"addr add " + l.addr(i) + "/24 dev eth0", "link set eth0 up", "link set lo up"} {
			l.must(t, append([]string{"-n", space}, strings.Fields(line)...)...)
		}
	}
	return l
}

func (l *lan) host(i int) string { return fmt.Sprintf("%s-%d", l.tag, i) }
func (l *lan) port(i int) string { return fmt.Sprintf("%sp%d", l.tag, i) }
func (l *lan) addr(i int) string { return fmt.Sprintf("%s.%d", l.subnet, 11+i) }

// forward lets the hosts connect to target on the machine's loopback, at the address
// that it returns.
func (l *lan) forward(t *testing.T, target string) string {
	t.Helper()
	listener, err := net.Listen("tcp", l.subnet+".1:0")
	if err != nil {
		t.Fatal(err)
	}
	var pipes sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		pipes.Wait()
	})
	pipes.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", target)
			if err != nil {
				_ = from.Close()
				continue
			}
			pipes.Go(func() { pipe(from, to) })
			pipes.Go(func() { pipe(to, from) })
		}
	})
	return listener.Addr().String()
}

// pipe copies until either side ends, and then ends both.
func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}

// part takes a host away from the other hosts, but not from the machine; heal gives
// it back. A blackhole route drops what is sent, as a broken switch would.
func (l *lan) part(t *testing.T, lost, hosts int)  { l.route(t, "add", lost, hosts) }
func (l *lan) heal(t *testing.T, found, hosts int) { l.route(t, "delete", found, hosts) }

func (l *lan) route(t *testing.T, do string, host, hosts int) {
	t.Helper()
	for i := range hosts {
		if i != host {
			l.must(t, "-n", l.host(host), "route", do, "blackhole", l.addr(i)+"/32")
			l.must(t, "-n", l.host(i), "route", do, "blackhole", l.addr(host)+"/32")
		}
	}
}

func (l *lan) must(t *testing.T, args ...string) {
	t.Helper()
	if err := l.ip(args...); err != nil {
		t.Fatal(err)
	}
}

func (l *lan) ip(args ...string) error {
	if output, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return nil
}

func TestALeaderThatIsCutOffIsReplacedAndComesBack(t *testing.T) {
	t.Parallel()
	const hosts = 3
	lan := mustMakeLAN(t, hosts)
	sqld := nodetest.MustStartPrimary(t)
	libsql := "http://" + lan.forward(t, sqld.Addr())
	d := &deployment{sqld: &nodetest.SqldPair{Primary: sqld}}
	for i := range hosts {
		config := nodetest.ServeConfig{
			Binary: keyval(t), Dir: t.TempDir(), LibsqlURL: libsql,
			Host: lan.addr(i), Prefix: []string{"ip", "netns", "exec", lan.host(i)},
			Flags: []string{"--cleanup-interval", sweepInterval.String(), "--insecure"},
		}
		if i > 0 {
			config.Join = []string{d.nodes[0].GossipAddr()}
		}
		d.nodes = append(d.nodes, nodetest.MustStartNodeProcess(t, config))
	}
	d.awaitWhole(t)
	d.awaitVoters(t)
	old, others := d.leader(t)
	cut := 0
	for d.nodes[cut] != old {
		cut++
	}
	before := d.epoch(t)
	stores := []store{newPlain(t, old.URL())}
	for _, n := range others {
		stores = append(stores, newPlain(t, n.URL()))
	}
	load := startTraffic(t, 4, stores...)

	lan.part(t, cut, hosts)
	await.That(t, "the others have a leader of their own", func() bool {
		leader := leaderOf(t.Context(), others)
		return leader != nil && leader != old && d.epoch(t) > before
	})
	await.That(t, "the lost one knows that it leads no more", func() bool {
		status, err := statusOf(t.Context(), old)
		return err == nil && status.Leader == nil
	})
	lan.heal(t, cut, hosts)
	d.awaitWhole(t)
	load.stop()
	// The database can be reached by all: nobody noticed anything.
	load.mustNotFail(t)
	load.mustBeThere(t, newPlain(t, old.URL()).strongly())
}
