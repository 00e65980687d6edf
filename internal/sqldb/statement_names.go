package sqldb

import (
	"strings"
	"sync"
)

// Names are what statements are called in traces and in the log, by their text. A name
// says what the statement is for, like "fetch entries".
type Names map[string]string

// Call gives statements names. One without has that of what it does to which table.
func (db *DB) Call(names Names) { db.names.add(names) }

// ourNames are those of this package.
var ourNames = Names{
	"BEGIN":           "begin",
	"BEGIN IMMEDIATE": "begin transaction",
	"COMMIT":          "commit transaction",
	"ROLLBACK":        "roll back",
	fenceSQL:          "guard the epoch",
	guardSQL:          "guard the group",
	lastOpSQL:         "correct the sequence",
	sequenceSQL:       "move the sequence",
	groupSQL:          "note the group",
	noteTimeSQL:       "note the time",
	forgetTimesSQL:    "forget times",
	registerSQL:       "register the node",
	closeSQL:          "close the group",
	closedSQL:         "ask for the group",
	raiseSQL:          "raise the incarnation",
	positionsSQL:      "read the position",
	sizeSQL:           "read the size",
}

// mostNames bounds the names that are kept: statements are few constants.
const mostNames = 1024

// statementNames finds names. It is asked only of statements that somebody wants to hear of.
type statementNames struct {
	mu    sync.RWMutex
	known map[string]string
}

func newStatementNames() *statementNames {
	n := &statementNames{known: map[string]string{}}
	n.add(ourNames)
	return n
}

// add adds names, also for the texts within a group's transaction.
func (n *statementNames) add(names Names) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for text, name := range names {
		n.known[text] = name
		n.known[WithinTransaction(text)] = name
	}
}

func (n *statementNames) of(st Stmt) string {
	if st.Name != "" {
		return st.Name
	}
	text := st.SQL
	n.mu.RLock()
	name, ok := n.known[text]
	n.mu.RUnlock()
	if ok {
		return name
	}
	name = describe(text)
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) < mostNames {
		n.known[text] = name
	}
	return name
}

// describe names a statement by its first word and the first table after it.
func describe(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \n(),;", r) })
	for i, word := range words[:max(len(words)-1, 0)] {
		switch word {
		case "FROM", "INTO", "UPDATE":
			return words[0] + " " + words[i+1]
		}
	}
	return strings.Join(words[:min(len(words), 1)], "")
}
