package systems

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/node/nodetest"
)

// natsConfig is the server's whole configuration; the addresses and the directory go in.
const natsConfig = `listen: %q
jetstream {
  store_dir: %q
  # Without it, what was answered is on disk two minutes later.
  sync_interval: always
}
`

// NATS is one server with JetStream.
func NATS() System {
	return System{
		Name:          NameNATS,
		Configuration: "one server, file storage, `sync_interval: always`, built from its Go module, because Debian's 2.9 does not have that setting; 64 connections of nats.go",
		Durability:    "fsync of each message",
		Cannot:        map[string]string{List: "its keys have no order", Filter: noDocuments, Search: noDocuments},
		Start:         startNATS,
		Version:       versionOf("nats-server", "nats-server: v", findNATS),
	}
}

// findNATS builds the server that go.mod names: Debian 12 has 2.9, which cannot sync each
// write.
func findNATS(ctx context.Context, h *Host) (string, error) {
	if h.nats != "" {
		return h.nats, nil
	}
	file := filepath.Join(h.Dir, "nats-server")
	build := exec.CommandContext(ctx, "go", "build", "-o", file, "github.com/nats-io/nats-server/v2")
	build.Dir = filepath.Join(h.Source, "bench", "suite")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build nats-server: %w\n%s", err, output)
	}
	h.nats = file
	return file, nil
}

func startNATS(ctx context.Context, host *Host) (*Instance, error) {
	path, err := findNATS(ctx, host)
	if err != nil {
		return nil, err
	}
	return assemble(func(i *Instance) error {
		dir, addrs, err := i.place(host, "nats", 1)
		if err != nil {
			return err
		}
		file := filepath.Join(dir, "nats.conf")
		if err := os.WriteFile(file, fmt.Appendf(nil, natsConfig, addrs[0], filepath.Join(dir, "data")), 0o600); err != nil {
			return err
		}
		dial := func(context.Context) (*nats.Conn, error) { return nats.Connect("nats://" + addrs[0]) }
		i.Open = func(measure string, s Size) (workload.Workload, error) { return openNATS(dial, measure, s) }
		return i.run(ctx, nodetest.Command{Path: path, Args: []string{"-c", file}}, func(ctx context.Context) error {
			return natsAnswers(ctx, dial)
		})
	})
}

func natsAnswers(ctx context.Context, dial func(context.Context) (*nats.Conn, error)) error {
	c, err := dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		return err
	}
	_, err = js.AccountInfo(ctx)
	return err
}

func natsKey(n int) string { return fmt.Sprintf("bench.%08d", n) }

// openNATS is the KV bucket, a counting stream, or a work queue.
func openNATS(dial func(context.Context) (*nats.Conn, error), measure string, s Size) (workload.Workload, error) {
	j := job[*nats.Conn]{
		operations: []string{measure},
		dial:       dial,
		hangUp:     func(c *nats.Conn) error { c.Close(); return nil },
	}
	prepare, worker := natsKV, natsKVWorker
	switch measure {
	case Put, Get, Atomic, Watch:
	case Sum:
		prepare, worker = natsCounter, natsAdd
	case Queue:
		prepare, worker = natsQueue, natsCycle
	default:
		return nil, unknown(NameNATS, measure)
	}
	j.prepare = func(ctx context.Context, c *nats.Conn) error {
		js, err := jetstream.New(c)
		if err != nil {
			return err
		}
		return prepare(ctx, js, s)
	}
	if measure == Watch {
		return &watched[*nats.Conn]{job: j, size: s, open: natsStream, writer: natsWriter}, nil
	}
	j.worker = func(ctx context.Context, c *nats.Conn, i int) (step, error) {
		js, err := jetstream.New(c)
		if err != nil {
			return nil, err
		}
		return worker(ctx, js, measure, newDraws(s, i), i)
	}
	return j, nil
}

// natsKV fills a bucket, 256 puts under way at once.
func natsKV(ctx context.Context, js jetstream.JetStream, s Size) error {
	kv, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "bench", Storage: jetstream.FileStorage})
	if err != nil {
		return err
	}
	draw := newDraws(s, 0)
	var sent []jetstream.PubAckFuture
	for k := range s.Keys {
		future, err := js.PublishAsync("$KV."+kv.Bucket()+"."+natsKey(k), []byte(draw.value()))
		if err != nil {
			return err
		}
		if sent = append(sent, future); len(sent) == 256 || k == s.Keys-1 {
			if err := acked(ctx, sent); err != nil {
				return err
			}
			sent = sent[:0]
		}
	}
	return nil
}

func acked(ctx context.Context, futures []jetstream.PubAckFuture) error {
	for _, future := range futures {
		select {
		case <-future.Ok():
		case err := <-future.Err():
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

func natsKVWorker(ctx context.Context, js jetstream.JetStream, measure string, draw *draws, i int) (step, error) {
	kv, err := js.KeyValue(ctx, "bench")
	if err != nil {
		return nil, err
	}
	switch measure {
	case Put:
		return one(func(ctx context.Context) error {
			_, err := kv.Put(ctx, natsKey(draw.key()), []byte(draw.value()))
			return err
		}), nil
	case Get:
		return one(func(ctx context.Context) error {
			_, err := kv.Get(ctx, natsKey(draw.key()))
			return err
		}), nil
	}
	return one(natsAtomic(kv, draw, i)), nil
}

// natsAtomic sets a key if its revision is the one that this worker gave it last.
func natsAtomic(kv jetstream.KeyValue, draw *draws, i int) func(context.Context) error {
	revisions := newVersions[uint64](draw.size, i)
	return func(ctx context.Context) error {
		key, revision, known := revisions.take()
		if !known {
			entry, err := kv.Get(ctx, natsKey(key))
			if err != nil {
				return err
			}
			revision = entry.Revision()
		}
		revision, err := kv.Update(ctx, natsKey(key), []byte(draw.value()), revision)
		if err == nil {
			revisions.set(key, revision)
		}
		return err
	}
}

func natsCounter(ctx context.Context, js jetstream.JetStream, _ Size) error {
	_, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "counter", Subjects: []string{"counter"}, Storage: jetstream.FileStorage,
		AllowMsgCounter: true, AllowDirect: true, MaxMsgsPerSubject: 1,
	})
	return err
}

func natsAdd(_ context.Context, js jetstream.JetStream, _ string, _ *draws, _ int) (step, error) {
	return one(func(ctx context.Context) error {
		_, err := js.PublishMsg(ctx, &nats.Msg{Subject: "counter", Header: nats.Header{"Nats-Incr": {"1"}}})
		return err
	}), nil
}

func natsQueue(ctx context.Context, js jetstream.JetStream, _ Size) error {
	stream, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "work", Subjects: []string{"work"}, Storage: jetstream.FileStorage, Retention: jetstream.WorkQueuePolicy,
	})
	if err != nil {
		return err
	}
	_, err = stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: "workers", AckPolicy: jetstream.AckExplicitPolicy})
	return err
}

// natsCycle enqueues, takes one, and acknowledges it, each answered before the next.
func natsCycle(ctx context.Context, js jetstream.JetStream, _ string, draw *draws, _ int) (step, error) {
	workers, err := js.Consumer(ctx, "work", "workers")
	if err != nil {
		return nil, err
	}
	return one(func(ctx context.Context) error {
		if _, err := js.Publish(ctx, "work", []byte(draw.value())); err != nil {
			return err
		}
		message, err := workers.Next(jetstream.FetchContext(ctx))
		if err != nil {
			return err
		}
		return message.DoubleAck(ctx)
	}), nil
}

// natsStream opens a watch of a key, which is an ordered consumer of its own.
func natsStream(ctx context.Context, c *nats.Conn, n int) (func(func(uint64)), error) {
	kv, err := natsBucket(ctx, c)
	if err != nil {
		return nil, err
	}
	watcher, err := kv.Watch(ctx, natsKey(n), jetstream.UpdatesOnly())
	if err != nil {
		return nil, err
	}
	return func(arrived func(uint64)) {
		// The end of ctx closes it.
		for entry := range watcher.Updates() {
			arrived(entry.Revision())
		}
	}, nil
}

func natsWriter(ctx context.Context, c *nats.Conn) (put, error) {
	kv, err := natsBucket(ctx, c)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, n int, value string) (uint64, error) {
		return kv.Put(ctx, natsKey(n), []byte(value))
	}, nil
}

// natsBucket is the one that natsKV has made.
func natsBucket(ctx context.Context, c *nats.Conn) (jetstream.KeyValue, error) {
	js, err := jetstream.New(c)
	if err != nil {
		return nil, err
	}
	return js.KeyValue(ctx, "bench")
}
