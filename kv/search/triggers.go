package search

import (
	"fmt"
	"strings"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
	"github.com/buntime/keyval/kv/filter"
)

// steps are what the triggers of an index read from its definition.
func steps(paths []filter.Path) []string {
	c := columns{entry: "new"}
	c.of(paths)
	return c.steps
}

// tables makes the table of an index and the triggers that keep it. Each group adds a
// segment: merging them by eights and not, as FTS5 does by itself, by fours writes less.
func (x *indexed) tables(paths []filter.Path) []sqldb.Stmt {
	return []sqldb.Stmt{
		x.stmt("make an index's table", `CREATE VIRTUAL TABLE {table} USING fts5({columns},tokenize='`+tokenizers[x.Tokenize]+`')`),
		x.stmt("tune an index's table", `INSERT INTO {table}({table},rank) VALUES('automerge',8)`),
		x.trigger("insert", "INSERT", "new", "", x.upkeep(paths)),
		x.trigger("update", "UPDATE OF value,encoding", "new", " AND (old.value IS NOT new.value OR old.encoding<>new.encoding)", x.upkeep(paths)),
		x.trigger("delete", "DELETE", "old", "", removalSQL),
	}
}

// withoutTriggers takes an index, if there is one, out of use; what it has remains to be removed.
func (x *indexed) withoutTriggers() []sqldb.Stmt {
	if x == nil {
		return nil
	}
	var stmts []sqldb.Stmt
	for _, name := range []string{"insert", "update", "delete"} {
		stmts = append(stmts, x.stmt("drop an index's trigger", "DROP TRIGGER IF EXISTS {table}_"+name))
	}
	return append(stmts, sqldb.Stmt{SQL: `UPDATE keyval_search_indexes SET state='dropping',mark=(SELECT time FROM keyval_sequence) WHERE id=?`, Args: []any{x.id}})
}

// trigger costs a key outside of the prefix two comparisons.
func (x *indexed) trigger(name, event, row, condition, body string) sqldb.Stmt {
	below := kv.SubtreeRange(x.Prefix)
	when := fmt.Sprintf("%[1]s.key>=%[2]s AND %[1]s.key<%[3]s", row, literal(below.Start), literal(below.End))
	return x.stmt("make an index's trigger", "CREATE TRIGGER {table}_"+name+" AFTER "+event+" ON kv_entries WHEN "+when+condition+" BEGIN\n"+body+" END")
}

// upkeep indexes an entry as it is now. It may be there already, or not be built yet.
func (x *indexed) upkeep(paths []filter.Path) string {
	c := columns{entry: "new"}
	return `DELETE FROM {table} WHERE rowid=(SELECT d.id FROM keyval_search_docs d WHERE d.index_id='{id}' AND d.key=new.key);
INSERT INTO keyval_search_docs(index_id,key) SELECT '{id}',new.key WHERE NOT EXISTS (SELECT 1 FROM keyval_search_docs d WHERE d.index_id='{id}' AND d.key=new.key);
INSERT INTO {table}(rowid,{columns}) SELECT d.id,
` + c.of(paths) + `
FROM keyval_search_indexes x CROSS JOIN keyval_search_docs d WHERE x.id='{id}' AND d.index_id='{id}' AND d.key=new.key;`
}

const removalSQL = `DELETE FROM {table} WHERE rowid=(SELECT d.id FROM keyval_search_docs d WHERE d.index_id='{id}' AND d.key=old.key);
DELETE FROM keyval_search_docs WHERE index_id='{id}' AND key=old.key;`

// stmt is a statement with the index's names in it. It has one of its own for traces and
// the log, and nothing is kept by its text, of which there is one for each index.
func (x *indexed) stmt(name, text string, args ...any) sqldb.Stmt {
	return sqldb.Stmt{Name: name, SQL: x.fill(text), Args: args}
}

// fill puts the index's names into a text.
func (x *indexed) fill(text string) string {
	names := make([]string, len(x.Fields))
	for i := range names {
		names[i] = fmt.Sprint("c", i)
	}
	return strings.NewReplacer("{table}", x.table(), "{id}", x.id, "{columns}", strings.Join(names, ",")).Replace(text)
}
