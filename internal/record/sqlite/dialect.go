package sqlite

import (
	"embed"
	"strconv"
	"strings"

	"haechi/internal/record/sqlrows"
)

// dialect is how SQLite says it. Shrink is the events file's own.
func dialect() sqlrows.Dialect {
	return sqlrows.Dialect{
		Failure: failure,
		Keep:    func(string) string { return " ON CONFLICT DO NOTHING" },
		Merge: func(table, key string, columns []string, condition string) string {
			set := make([]string, len(columns))
			for i, c := range columns {
				set[i] = c + " = excluded." + c
			}
			return " ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(set, ", ") + " WHERE " +
				strings.NewReplacer("OLD.", table+".", "NEW.", "excluded.").Replace(condition)
		},
		Steady: true, Blocks: true,
		Notable: "(status = 'failed' OR verdict IS NOT NULL OR severity IS NOT NULL)", // as the index says it
		Use:     func(index string) string { return " INDEXED BY " + index },
		DeleteSome: func(table, key, condition string) string {
			return "DELETE FROM " + table + " WHERE (" + key + ") IN (SELECT " + key + " FROM " + table + " WHERE " + condition +
				" LIMIT " + strconv.Itoa(sqlrows.PruneRows) + ")"
		},
		AsWritten: asWritten, Present: "datetime('now')", Asked: "datetime(?)", Div: "/",
		Ago: func(now, span string) string { return "datetime(" + now + ", '-" + span + "')" },
	}
}

// views hold the documents' three views, adapted only where SQLite's date functions
// differ.
//
//go:embed views/*.sql
var views embed.FS

// asWritten reads a view. One that is missing is a defect of the build, which every
// test would show.
func asWritten(name string) string {
	text, err := views.ReadFile("views/" + name + ".sql")
	if err != nil {
		return "SELECT 'missing'"
	}
	return string(text)
}

// viewStatements makes all views anew.
func viewStatements() []string {
	var out []string
	d := dialect()
	for _, n := range sqlrows.ViewNames() {
		out = append(out, "DROP VIEW IF EXISTS "+n, "CREATE VIEW "+n+" AS "+d.ViewText(n))
	}
	return out
}
