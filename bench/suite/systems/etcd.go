package systems

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/node/nodetest"
)

// Etcd is one etcd, over gRPC.
func Etcd() System {
	return System{
		Name:          NameEtcd,
		Configuration: "one member; etcd with its defaults but for a quota of 8 GiB; 64 gRPC connections of go.etcd.io/etcd/client/v3",
		Durability:    "fsync of the log for each batch of writes",
		Cannot:        map[string]string{Queue: "it has none", Filter: noDocuments, Search: noDocuments},
		Start:         startEtcd,
		Version:       versionOf("etcd", "etcd Version: ", findEtcd),
	}
}

func findEtcd(context.Context, *Host) (string, error) {
	return find("etcd", "apt-get install etcd-server")
}

func startEtcd(ctx context.Context, host *Host) (*Instance, error) {
	path, err := findEtcd(ctx, host)
	if err != nil {
		return nil, err
	}
	return assemble(func(i *Instance) error {
		dir, addrs, err := i.place(host, "etcd", 2)
		if err != nil {
			return err
		}
		url, peers := "http://"+addrs[0], "http://"+addrs[1]
		dial := func(context.Context) (*clientv3.Client, error) {
			return clientv3.New(clientv3.Config{Endpoints: []string{addrs[0]}, Logger: zap.NewNop()})
		}
		i.Open = func(measure string, s Size) (workload.Workload, error) { return openEtcd(dial, measure, s) }
		return i.run(ctx, nodetest.Command{Path: path, Args: []string{
			"--data-dir", filepath.Join(dir, "data"), "--log-level", "error", "--quota-backend-bytes", strconv.Itoa(8 << 30),
			"--listen-client-urls", url, "--advertise-client-urls", url,
			"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default=" + peers,
		}}, func(ctx context.Context) error { return etcdAnswers(ctx, dial) })
	})
}

func etcdAnswers(ctx context.Context, dial func(context.Context) (*clientv3.Client, error)) error {
	client, err := dial(ctx)
	if err != nil {
		return err
	}
	_, err = client.Get(ctx, "ready")
	return errors.Join(err, client.Close())
}

func etcdKey(n int) string { return fmt.Sprintf("bench/%08d", n) }

func openEtcd(dial func(context.Context) (*clientv3.Client, error), measure string, s Size) (workload.Workload, error) {
	j := job[*clientv3.Client]{operations: []string{measure}, dial: dial, hangUp: (*clientv3.Client).Close}
	j.prepare = func(ctx context.Context, c *clientv3.Client) error { return fillEtcd(ctx, c, s) }
	if measure == Watch {
		return &watched[*clientv3.Client]{job: j, size: s, open: etcdStream, writer: etcdWriter}, nil
	}
	return j.doing(NameEtcd, measure, s, map[string]maker[*clientv3.Client]{
		Put: etcdPut, Get: etcdGet, List: etcdList, Sum: etcdSum, Atomic: etcdAtomic,
	})
}

// fillEtcd writes a hundred keys at a time, fewer than a transaction may have.
func fillEtcd(ctx context.Context, c *clientv3.Client, s Size) error {
	draw := newDraws(s, 0)
	for from := 0; from < s.Keys; from += 100 {
		var puts []clientv3.Op
		for k := from; k < min(from+100, s.Keys); k++ {
			puts = append(puts, clientv3.OpPut(etcdKey(k), draw.value()))
		}
		if _, err := c.Txn(ctx).Then(puts...).Commit(); err != nil {
			return err
		}
	}
	return nil
}

func etcdPut(c *clientv3.Client, draw *draws, _ int) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := c.Put(ctx, etcdKey(draw.key()), draw.value())
		return err
	}
}

func etcdGet(c *clientv3.Client, draw *draws, _ int) func(context.Context) error {
	return func(ctx context.Context) error {
		answer, err := c.Get(ctx, etcdKey(draw.key()))
		if err == nil && len(answer.Kvs) != 1 {
			return errMissing
		}
		return err
	}
}

func etcdList(c *clientv3.Client, draw *draws, _ int) func(context.Context) error {
	return func(ctx context.Context) error {
		from := draw.random.IntN(max(1, draw.size.Keys-listed))
		_, err := c.Get(ctx, etcdKey(from), clientv3.WithRange(etcdKey(from+listed)), clientv3.WithLimit(listed))
		return err
	}
}

// etcdSum adds one by comparing and swapping until it succeeds: etcd cannot add.
func etcdSum(c *clientv3.Client, _ *draws, _ int) func(context.Context) error {
	const key = "counter"
	return func(ctx context.Context) error {
		for {
			now, err := c.Get(ctx, key)
			if err != nil {
				return err
			}
			count, revision := 0, int64(0)
			if len(now.Kvs) == 1 {
				count, _ = strconv.Atoi(string(now.Kvs[0].Value)) // only this writes it
				revision = now.Kvs[0].ModRevision
			}
			done, err := c.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", revision)).
				Then(clientv3.OpPut(key, strconv.Itoa(count+1))).Commit()
			if err != nil || done.Succeeded {
				return err
			}
		}
	}
}

// etcdAtomic sets a key if its revision is the one that this worker gave it last.
func etcdAtomic(c *clientv3.Client, draw *draws, i int) func(context.Context) error {
	revisions := newVersions[int64](draw.size, i)
	return func(ctx context.Context) error {
		key, revision, known := revisions.take()
		if !known {
			now, err := c.Get(ctx, etcdKey(key))
			if err != nil {
				return err
			}
			revision = now.Kvs[0].ModRevision
		}
		done, err := c.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(etcdKey(key)), "=", revision)).
			Then(clientv3.OpPut(etcdKey(key), draw.value())).Commit()
		if err != nil {
			return err
		}
		if !done.Succeeded {
			return errCheckFailed
		}
		revisions.set(key, done.Header.Revision)
		return nil
	}
}

// etcdStream opens a watch; those of one client share a gRPC stream.
func etcdStream(ctx context.Context, c *clientv3.Client, n int) (func(func(uint64)), error) {
	events := c.Watch(ctx, etcdKey(n), clientv3.WithCreatedNotify())
	if created, ok := <-events; !ok || created.Err() != nil {
		return nil, errors.Join(errors.New("the watch was not created"), created.Err())
	}
	return func(arrived func(uint64)) {
		for answer := range events {
			for _, e := range answer.Events {
				arrived(uint64(e.Kv.ModRevision))
			}
		}
	}, nil
}

func etcdWriter(_ context.Context, c *clientv3.Client) (put, error) {
	return func(ctx context.Context, n int, value string) (uint64, error) {
		answer, err := c.Put(ctx, etcdKey(n), value)
		if err != nil {
			return 0, err
		}
		return uint64(answer.Header.Revision), nil
	}, nil
}
