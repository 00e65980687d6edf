package queue

import (
	"strconv"
	"strings"

	"github.com/buntime/keyval/internal/sqldb"
)

// A receipt names one delivery of a message:
//
//	0000000000000a3f0001d17.default
//
// It is the versionstamp of the take, a letter that tells for whom the message was
// taken, in upper case if the lock of its previous delivery had ended, the number of
// the place that it was taken for, a dot, and the queue. "" is no delivery. What a
// client sends as one may be anything.
type receipt string

// For whom a message is taken.
const (
	forDequeue = 'd'
	forListen  = 'l'
)

// stampLength is that of the versionstamp at the start of a receipt.
const stampLength = 20

// receiptSQL is the receipt of a message that operation op takes, as t says.
func receiptSQL(op string) string {
	return sqldb.StampSQL(op) + `||CASE WHEN locked_until IS NULL THEN t.kind ELSE upper(t.kind) END||t.slot||'.'||queue`
}

// takenBySQL holds for what operation op has taken.
func takenBySQL(op string) string { return `substr(q.receipt,1,20)=` + sqldb.StampSQL(op) }

// kind is the letter; 0 if the receipt is not one of ours.
func (r receipt) kind() byte {
	if len(r) <= stampLength {
		return 0
	}
	return r[stampLength]
}

// byListener tells whether a listener holds the message.
func (r receipt) byListener() bool { return r.kind()|0x20 == forListen }

// afterTimeout tells whether the lock of the message's previous delivery had ended.
func (r receipt) afterTimeout() bool { return r.kind() >= 'A' && r.kind() <= 'Z' }

// slot is the place that the message was taken for; -1 if the receipt is not one of
// ours.
func (r receipt) slot() int {
	if len(r) <= stampLength+1 {
		return -1
	}
	number, _, _ := strings.Cut(string(r[stampLength+1:]), ".")
	slot, err := strconv.Atoi(number)
	if err != nil {
		return -1
	}
	return slot
}

// queue is the one that the message is in; "" if the receipt is not one of ours.
func (r receipt) queue() string {
	_, name, _ := strings.Cut(string(r), ".")
	if r.slot() < 0 || ValidateName(name) != nil {
		return ""
	}
	return name
}
