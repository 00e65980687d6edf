package sqldb

import (
	"fmt"
	"strconv"
	"strings"
)

// The one row of keyval_sequence, which every transaction moves on, is where the
// database is. A position is made of it:
//
//	incarnation  0                                     which life of the database
//	txn          8
//	last_op      0                                     of that transaction
//	time         1795707765277                         Unix milliseconds; never goes back
//	compacted    00000000000000000000                  the change log is complete after it
//	database_id  03ba7c40-ef26-4d87-aa4e-b3675fe8525b  nodes compare it

// A Position is a versionstamp used as "seen up to here": 20 lower-case hex
// digits, 4 of incarnation, 12 of transaction and 4 of operation. Positions
// of one database compare as strings; "" is before all of them.
type Position string

// MakePosition puts a position together from its parts.
func MakePosition(incarnation, txn, op int64) Position {
	return Position(fmt.Sprintf("%04x%012x%04x", incarnation, txn, op))
}

// stampSQL renders the versionstamp of operation op of the transaction that
// the sequence row, joined as s, stands for.
func stampSQL(op string) string {
	return "printf('%04x%012x%04x',s.incarnation,s.txn," + op + ")"
}

// StampSQL is the versionstamp of the running transaction's operation whose
// number is the SQL expression op. The statement must join keyval_sequence
// as s.
func StampSQL(op string) string { return stampSQL(op) }

// PositionSQL is the position of a snapshot: that of the last operation it
// contains. The statement must join keyval_sequence as s.
const PositionSQL = "printf('%04x%012x%04x',s.incarnation,s.txn,s.last_op)"

// ClockSQL is the database's clock in Unix milliseconds.
const ClockSQL = "CAST(round(unixepoch('subsec')*1000) AS INTEGER)"

// NowSQL is the time that a read goes by: the database's clock, but never
// before the last transaction's time, so that what one reader has seen expire
// never comes back. The statement must join keyval_sequence as s. Statements
// of a transaction use s.time alone; those that a group reads with are made to: see WithinTransaction.
const NowSQL = "max(s.time," + ClockSQL + ")"

// AfterAllSQL follows a position, and holds if that is after everything that has been
// committed. The statement must join keyval_sequence as s.
const AfterAllSQL = ">" + PositionSQL

// WithinTransaction is the text of a reading statement as it runs inside a group's
// transaction, whose place and time have been fixed: what has not expired by that time
// will not have expired when the transaction commits, however long that takes.
func WithinTransaction(text string) string {
	return withinTransaction.Replace(text)
}

var withinTransaction = strings.NewReplacer(NowSQL, "s.time", AfterAllSQL, ">="+StampSQL("0"))

// within is a reading statement inside the group's transaction.
func (c *committer) within(st Stmt) Stmt {
	text, ok := c.texts[st.SQL]
	if !ok {
		text = WithinTransaction(st.SQL)
		c.texts[st.SQL] = text
	}
	return Stmt{SQL: text, Args: st.Args, Name: st.Name}
}

// txnOf is the transaction of a position, without its incarnation.
func txnOf(p Position) int64 {
	if len(p) != 20 {
		return 0
	}
	txn, _ := strconv.ParseInt(string(p[4:16]), 16, 64)
	return txn
}
