package systems

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/buntime/keyval/bench/workload"
	"github.com/buntime/keyval/node/nodetest"
)

// Redis is one server that syncs its log before it answers.
func Redis() System {
	return System{
		Name:          NameRedis,
		Configuration: "`--appendonly yes --appendfsync always --save \"\"`; 64 connections of go-redis, one command at a time each",
		Durability:    "fsync of the log for each batch of writes",
		Cannot:        map[string]string{List: "its keys have no order", Filter: noDocuments, Search: noDocuments, Watch: "its notifications have no version to wait for"},
		Start:         startRedis,
		Version:       versionOf("redis-server", "Redis server v=", findRedis),
	}
}

func findRedis(context.Context, *Host) (string, error) {
	return find("redis-server", "apt-get install redis-server")
}

func startRedis(ctx context.Context, host *Host) (*Instance, error) {
	path, err := findRedis(ctx, host)
	if err != nil {
		return nil, err
	}
	return assemble(func(i *Instance) error {
		dir, addrs, err := i.place(host, "redis", 1)
		if err != nil {
			return err
		}
		_, port, err := net.SplitHostPort(addrs[0])
		if err != nil {
			return err
		}
		dial := func(context.Context) (*redis.Client, error) {
			return redis.NewClient(&redis.Options{Addr: addrs[0], PoolSize: 1, MaxRetries: -1}), nil
		}
		i.Open = func(measure string, s Size) (workload.Workload, error) { return openRedis(dial, measure, s) }
		return i.run(ctx, nodetest.Command{Path: path, Args: []string{
			"--bind", "127.0.0.1", "--port", port, "--dir", dir, "--appendonly", "yes", "--appendfsync", "always", "--save", "",
		}}, func(ctx context.Context) error { return redisAnswers(ctx, dial) })
	})
}

func redisAnswers(ctx context.Context, dial func(context.Context) (*redis.Client, error)) error {
	c, err := dial(ctx)
	if err != nil {
		return err
	}
	return errors.Join(c.Ping(ctx).Err(), c.Close())
}

func redisKey(n int) string { return fmt.Sprintf("bench/%08d", n) }

func openRedis(dial func(context.Context) (*redis.Client, error), measure string, s Size) (workload.Workload, error) {
	j := job[*redis.Client]{operations: []string{measure}, dial: dial, hangUp: (*redis.Client).Close}
	j.prepare = func(ctx context.Context, c *redis.Client) error { return fillRedis(ctx, c, s) }
	return j.doing(NameRedis, measure, s, map[string]maker[*redis.Client]{
		Put: redisPut, Get: redisGet, Sum: redisSum, Atomic: redisAtomic, Queue: redisCycle,
	})
}

// fillRedis writes all keys, and the group of the stream that is the queue.
func fillRedis(ctx context.Context, c *redis.Client, s Size) error {
	draw := newDraws(s, 0)
	fill := c.Pipeline()
	for k := range s.Keys {
		fill.Set(ctx, redisKey(k), draw.value(), 0)
	}
	if _, err := fill.Exec(ctx); err != nil {
		return err
	}
	err := c.XGroupCreateMkStream(ctx, "work", "workers", "$").Err()
	if err != nil && strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return nil
	}
	return err
}

func redisPut(c *redis.Client, draw *draws, _ int) func(context.Context) error {
	return func(ctx context.Context) error { return c.Set(ctx, redisKey(draw.key()), draw.value(), 0).Err() }
}

func redisGet(c *redis.Client, draw *draws, _ int) func(context.Context) error {
	return func(ctx context.Context) error { return c.Get(ctx, redisKey(draw.key())).Err() }
}

func redisSum(c *redis.Client, _ *draws, _ int) func(context.Context) error {
	return func(ctx context.Context) error { return c.Incr(ctx, "counter").Err() }
}

// compareAndSet is what Redis has in place of a check: its keys have no versions, so that
// the value itself is compared.
const compareAndSet = `if redis.call("GET", KEYS[1]) ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1], ARGV[2])
return 1`

func redisAtomic(c *redis.Client, draw *draws, i int) func(context.Context) error {
	script, values := redis.NewScript(compareAndSet), newVersions[string](draw.size, i)
	return func(ctx context.Context) error {
		key, value, known := values.take()
		if !known {
			var err error
			if value, err = c.Get(ctx, redisKey(key)).Result(); err != nil {
				return err
			}
		}
		next := draw.value()
		done, err := script.Run(ctx, c, []string{redisKey(key)}, value, next).Int()
		if err != nil {
			return err
		}
		if done == 0 {
			return errCheckFailed
		}
		values.set(key, next)
		return nil
	}
}

// redisCycle adds to a stream, takes one as a member of its group, acknowledges it, and
// removes it, as a queue does; the last two in one transaction.
func redisCycle(c *redis.Client, draw *draws, i int) func(context.Context) error {
	group := &redis.XReadGroupArgs{Group: "workers", Consumer: fmt.Sprint(i), Streams: []string{"work", ">"}, Count: 1, Block: -1}
	return func(ctx context.Context) error {
		if err := c.XAdd(ctx, &redis.XAddArgs{Stream: "work", Values: []string{"value", draw.value()}}).Err(); err != nil {
			return err
		}
		got, err := c.XReadGroup(ctx, group).Result()
		if err != nil {
			return err
		}
		id := got[0].Messages[0].ID
		_, err = c.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.XAck(ctx, "work", "workers", id)
			p.XDel(ctx, "work", id)
			return nil
		})
		return err
	}
}
