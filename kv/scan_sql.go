package kv

import (
	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv/filter"
)

// A scanOrder is how a filter goes through entries: which there are, in which order, which
// of them come up to the last of a page, and which aggregate finds that one.
type scanOrder struct{ entries, direction, upTo, last string }

// The arguments of a scan are start and end, or ranges and NULL.
var (
	scanForward = scanOrder{"kv_entries e WHERE e.key>=?1 AND e.key<?2", " ORDER BY e.key",
		"kv_entries e WHERE e.key>=?1 AND e.key<=(SELECT last FROM page) AND ?2 IS NOT NULL", "max"}
	scanReverse = scanOrder{"kv_entries e WHERE e.key>=?1 AND e.key<?2", " ORDER BY e.key DESC",
		"kv_entries e WHERE e.key>=(SELECT last FROM page) AND e.key<?2", "min"}
	// Ranges are in order and disjoint, so their entries come in order by themselves.
	scanRanges = scanOrder{"json_each(?1) r CROSS JOIN kv_entries e WHERE e.key" + fromSQL + " AND e.key" + toSQL + " AND ?2 IS NULL", "",
		"json_each(?1) r CROSS JOIN kv_entries e WHERE e.key" + fromSQL + " AND e.key<min(" + endSQL + ",(SELECT unhex(hex(last)||'00') FROM page))", "max"}
)

// pageSQL finds the page: at most ?3 entries, and no more than the first that have ?4 bytes
// together, so that a statement is bounded whatever they are. n of them are in the page,
// of seen that there are. That costs less than the filter: values are not read for it, and
// the running sum, which costs more, is made only where there are too many bytes.
func (o scanOrder) pageSQL() string {
	sizes := `SELECT e.key k,2*length(e.key)+length(e.value) size FROM ` + o.entries + o.direction
	return `WITH whole(last,n,bytes) AS MATERIALIZED (
SELECT ` + o.last + `(k),count(k),sum(size) FROM (` + sizes + ` LIMIT ?3)),
part(last,n) AS MATERIALIZED (SELECT ` + o.last + `(k),count(k) FROM (
SELECT k,size,sum(size) OVER (ROWS UNBOUNDED PRECEDING)-size sofar FROM (
` + sizes + ` LIMIT iif((SELECT bytes FROM whole)>?4,?3,0))) WHERE sofar=0 OR sofar+size<=?4),
page(last,n,seen,now,position) AS MATERIALIZED (
SELECT iif(w.bytes>?4,p.last,w.last),iif(w.bytes>?4,p.n,w.n),w.n,` + sqldb.NowSQL + `,` + sqldb.PositionSQL + `
FROM keyval_sequence s CROSS JOIN whole w CROSS JOIN part p) `
}

// matchesSQL are the entries of the page that a filter wants, ?5 at most.
func (o scanOrder) matchesSQL(where string) string {
	return o.upTo + ` AND (e.expires_at IS NULL OR e.expires_at>(SELECT now FROM page)) AND (` + where + `)` + o.direction + ` LIMIT ?5`
}

// scanFree is the first argument that is a filter's.
const scanFree = 6

// scanNow is the page's time in a filter, which may name it a thousand times: SQLite writes
// a common table out wherever it is named, and refuses a statement with too many of these.
const scanNow = "(SELECT " + sqldb.NowSQL + " FROM keyval_sequence s)"

// DocumentSQL is the JSON text of an entry e.
const DocumentSQL = "CAST(e.value AS TEXT)"

// pageColumnsSQL begin what each scan selects: see scanned.
const pageColumnsSQL = `p.position,p.n,p.seen,p.last`

// A scanKind is a scan for one purpose: what traces and the log call it, and what it
// selects of a page and its matches.
type scanKind struct {
	name   string
	order  scanOrder
	result func(matches string) string
}

// Matches are sorted once more by whoever joins them; they are few.
var (
	listMatchesForward = scanKind{"list entries by filter", scanForward, entriesOf(" ORDER BY m.key")}
	listMatchesReverse = scanKind{"list entries by filter backwards", scanReverse, entriesOf(" ORDER BY m.key DESC")}
	countMatches       = scanKind{"count entries by filter", scanForward, func(matches string) string {
		return `(SELECT count(*) FROM (SELECT 1 FROM ` + matches + `)) FROM page p`
	}}
	findMatches = scanKind{"find entries by filter", scanRanges, func(matches string) string {
		return `m.key FROM page p LEFT JOIN (SELECT e.key key FROM ` + matches + `) m ORDER BY m.key`
	}}
)

func entriesOf(order string) func(string) string {
	return func(matches string) string {
		return `m.key,m.value,m.versionstamp,m.expires_at FROM page p
LEFT JOIN (SELECT e.key,e.value,e.versionstamp,e.expires_at FROM ` + matches + `) m` + order
	}
}

// stmt is a page's statement. first and second are the arguments of its order.
func (k scanKind) stmt(where *filter.Filter, first, second any, entries, bytes, limit int64) sqldb.Stmt {
	condition, args := where.SQL(DocumentSQL, scanNow, scanFree)
	return sqldb.Stmt{
		Name: k.name,
		SQL:  k.order.pageSQL() + `SELECT ` + pageColumnsSQL + `,` + k.result(k.order.matchesSQL(condition)),
		Args: append([]any{first, second, entries, bytes, limit}, args...),
	}
}
