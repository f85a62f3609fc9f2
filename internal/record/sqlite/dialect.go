package sqlite

import (
	"strconv"
	"strings"

	"haechi/internal/record/sqlrows"
)

// dialect is how SQLite says it. Shrink is the events file's own.
func dialect() sqlrows.Dialect {
	return sqlrows.Dialect{
		Failure: failure,
		Keep:    func(string) string { return " ON CONFLICT DO NOTHING" },
		Notable: "(status = 'failed' OR verdict IS NOT NULL OR severity IS NOT NULL)", // as the index says it
		Use:     func(index string) string { return " INDEXED BY " + index },
		DeleteSome: func(table, key, condition string) string {
			return "DELETE FROM " + table + " WHERE (" + key + ") IN (SELECT " + key + " FROM " + table + " WHERE " + condition +
				" LIMIT " + strconv.Itoa(sqlrows.PruneRows) + ")"
		},
		View: func(name string) (string, int) {
			query := viewText(name, "?1")
			return query, min(strings.Count(query, "?1"), 1) // one value for all of them
		},
	}
}
