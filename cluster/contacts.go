package cluster

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// contacts is who answers this leader's raft. Gossip does not know that: a firewall,
// or TLS on one side only, may let one through and not the other.
type contacts struct {
	stale time.Duration // an answer is old
	news  chan struct{} // signalled when somebody answers again, or has more of the log

	mu   sync.Mutex // covers byID
	byID map[string]contact
}

type contact struct {
	since, answered time.Time // the first call, and the last answer
	lastLog         uint64    // what it has of the log
	err             error     // of the last call
}

func newContacts(stale time.Duration) *contacts {
	return &contacts{stale: stale, news: make(chan struct{}, 1), byID: map[string]contact{}}
}

// attentive is raft's transport that notes who answers. Every heartbeat passes here;
// only the pipelined copies of log entries do not.
type attentive struct {
	*raft.NetworkTransport
	contacts *contacts
}

// AppendEntries implements raft.Transport.
func (t attentive) AppendEntries(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	err := t.NetworkTransport.AppendEntries(id, to, args, resp)
	lastLog := resp.LastLog // before the entries were added
	if resp.Success {
		lastLog = max(lastLog, args.PrevLogEntry+uint64(len(args.Entries)))
	}
	t.contacts.note(string(id), lastLog, err)
	return err
}

func (c *contacts) note(id string, lastLog uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	ct := c.getLocked(id, now)
	if ct.err = err; err == nil {
		if now.Sub(ct.answered) >= c.stale || ct.lastLog != lastLog {
			signal(c.news)
		}
		ct.answered, ct.lastLog = now, lastLog
	}
	c.byID[id] = ct
}

func (c *contacts) getLocked(id string, now time.Time) contact {
	if ct, ok := c.byID[id]; ok {
		return ct
	}
	return contact{since: now}
}

// reset forgets everything, for another reign.
func (c *contacts) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.byID)
}

// of lists the contacts with servers and forgets the others.
func (c *contacts) of(servers []server) map[string]contact {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, byID := time.Now(), make(map[string]contact, len(servers))
	for _, s := range servers {
		byID[s.id] = c.getLocked(s.id, now)
	}
	clear(c.byID)
	for id, ct := range byID {
		c.byID[id] = ct
	}
	return byID
}

// heard is when it answered last, or was called first.
func (ct contact) heard() time.Time {
	if ct.answered.IsZero() {
		return ct.since
	}
	return ct.answered
}
