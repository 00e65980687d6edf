package search

import (
	"fmt"
	"strings"

	"github.com/buntime/keyval/internal/sqldb"
	"github.com/buntime/keyval/kv"
)

// The arguments of matchSQL are the expression, the window, the bounds of the keys, the
// limit, how many of these are skipped, the bytes that the answer may have, and the id.
// There is always one row, if only for the snapshot's position, the number of matches in
// the window, the number of those that count, and the index's state. The plus has SQLite
// sort, which keeps no more than the window; FTS5 would sort all matches, and take a
// third longer.
const matchSQL = `WITH m AS MATERIALIZED (SELECT f.rowid id,f.rank rank FROM {table} f WHERE f.{table} MATCH ?1 ORDER BY +f.rank{down} LIMIT ?2),
c AS MATERIALIZED (SELECT m.id,m.rank,d.key k,length(e.key)+length(e.value) size
FROM keyval_sequence s CROSS JOIN m CROSS JOIN keyval_search_docs d CROSS JOIN kv_entries e
WHERE d.id=m.id AND d.key>=?3 AND d.key<?4 AND e.key=d.key AND ` + kv.AliveSQL + ` AND {where} ORDER BY m.rank{down},d.key{down} LIMIT ?5),
p AS MATERIALIZED (SELECT c.id,c.k,c.rank,c.total,row_number() OVER w-1 place,sum(c.size) OVER w-c.size sofar
FROM (SELECT *,count(*) OVER () total FROM c ORDER BY c.rank{down},c.k{down} LIMIT -1 OFFSET ?6) c WINDOW w AS (ORDER BY c.rank{down},c.k{down} ROWS UNBOUNDED PRECEDING))
SELECT ` + sqldb.PositionSQL + `,w.seen,coalesce(p.total,0),
EXISTS (SELECT 1 FROM keyval_search_indexes x WHERE x.id=?8 AND x.state='ready'),
e.key,e.value,e.versionstamp,e.expires_at{snippet}
FROM keyval_sequence s CROSS JOIN (SELECT count(*) seen FROM m) w LEFT JOIN p ON p.place=0 OR p.sofar<?7 LEFT JOIN kv_entries e ON e.key=p.k ORDER BY p.place`

// snippetText is up to how many characters of text FTS5 chooses and marks the best
// snippet: that takes it the square of the hits. In longer ones it is where the query's
// first word stands first.
const snippetText = 8192

// snippetSQL is the snippet of one match.
func (s *searching) snippetSQL() string {
	var lengths, columns []string
	var first strings.Builder
	for i := range s.index.Fields {
		column := fmt.Sprint("c", i)
		columns = append(columns, column)
		lengths = append(lengths, "coalesce(length("+column+"),0)")
		first.WriteString(strings.ReplaceAll(firstWordSQL, "{column}", column))
	}
	return fmt.Sprintf(`,(SELECT CAST(CASE WHEN %s<=%d THEN snippet({table},-1,?9,?10,'…',24)
%sELSE substr(coalesce(%s,''),1,200)||'…' END AS BLOB) FROM {table} WHERE {table} MATCH ?1 AND rowid=p.id)`,
		strings.Join(lengths, "+"), snippetText, first.String(), strings.Join(columns, ","))
}

const firstWordSQL = `WHEN instr(lower({column}),?11)>0 THEN substr({column},max(1,instr(lower({column}),?11)-80),min(80,instr(lower({column}),?11)-1))
||?9||substr({column},instr(lower({column}),?11),length(?11))||?10||substr({column},instr(lower({column}),?11)+length(?11),120)||'…'
`

// firstWord is the first string of an expression, in lower case.
func firstWord(match string) string {
	_, rest, _ := strings.Cut(match, `"`)
	word, _, _ := strings.Cut(rest, `"`)
	return strings.ToLower(word)
}

// stmt is the search for the best matches in a window.
func (s *searching) stmt(window, skip, bytes int64) sqldb.Stmt {
	q := s.query
	keys := q.keys()
	args := []any{s.match, window, []byte(keys.Start), []byte(keys.End),
		int64(q.Limit), skip, bytes, s.index.id}
	down, snippet, where := "", "", "1"
	if q.Reverse {
		down = " DESC"
	}
	if q.Highlight {
		snippet, args = s.snippetSQL(), append(args, s.marks.begin, s.marks.end, firstWord(s.match))
	}
	if q.Where != nil {
		var more []any
		where, more = q.Where.SQL(kv.DocumentSQL, sqldb.NowSQL, len(args)+1)
		args = append(args, more...)
	}
	text := strings.NewReplacer("{down}", down, "{snippet}", snippet, "{where}", "("+where+")").Replace(matchSQL)
	return s.index.stmt("search entries", text, args...)
}

// keys are those that the query asks for.
func (q *Query) keys() kv.Range {
	below := kv.SubtreeRange(q.Prefix)
	if q.Range == (kv.Range{}) {
		return below
	}
	return kv.Range{Start: max(below.Start, q.Range.Start), End: min(below.End, q.Range.End)}
}

// A part is what one statement has found.
type part struct {
	position sqldb.Position
	seen     int64 // matches in the window
	total    int64 // those that count, up to the limit
	gone     bool  // the index is not in use any more
	matches  []Match
}

func (s *searching) scan(rows []sqldb.Row) part {
	p := part{position: sqldb.Position(rows[0].Text(0)), seen: rows[0].Integer(1), total: rows[0].Integer(2), gone: rows[0].Integer(3) == 0}
	for _, row := range rows {
		if row.Bytes(4) == nil {
			continue
		}
		m := Match{Entry: kv.Entry{Key: kv.Key(row.Bytes(4)), Value: row.Bytes(5), Versionstamp: kv.Versionstamp(row.Text(6)), ExpiresAt: row.Integer(7)}}
		if s.query.Highlight {
			m.Highlight = s.marks.html(row.Text(8))
		}
		p.matches = append(p.matches, m)
	}
	return p
}
