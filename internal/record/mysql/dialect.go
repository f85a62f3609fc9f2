package mysql

import (
	"context"
	"embed"
	"regexp"
	"strconv"
	"strings"

	"haechi/internal/record/sqlrows"
)

// views hold the documents' three views, word for word.
//
//go:embed views/*.sql
var views embed.FS

// newColumn finds the new columns in a condition.
var newColumn = regexp.MustCompile(`NEW\.(\w+)`)

// dialect is how MariaDB and MySQL say it.
func dialect() sqlrows.Dialect {
	return sqlrows.Dialect{
		Failure: failure,
		Keep:    func(column string) string { return " ON DUPLICATE KEY UPDATE " + column + " = " + column },
		Merge: func(_, _ string, columns []string, condition string) string {
			condition = newColumn.ReplaceAllString(strings.ReplaceAll(condition, "OLD.", ""), "VALUES($1)")
			set := make([]string, len(columns))
			for i, c := range columns {
				set[i] = c + " = IF(" + condition + ", VALUES(" + c + "), " + c + ")"
			}
			return " ON DUPLICATE KEY UPDATE " + strings.Join(set, ", ")
		},
		Lock:    " FOR UPDATE",
		Notable: "notable = 1",
		Use:     func(index string) string { return " FORCE INDEX (" + index + ")" },
		DeleteSome: func(table, _, condition string) string {
			return "DELETE FROM " + table + " WHERE " + condition + " LIMIT " + strconv.Itoa(sqlrows.PruneRows)
		},
		AsWritten: func(name string) string {
			text, err := views.ReadFile("views/" + name + ".sql")
			if err != nil {
				return "SELECT 'missing'" // a defect of the build, which every test would show
			}
			return string(text)
		},
		Present: "now()", Asked: "CAST(? AS DATETIME)", Div: "DIV",
		Ago:     func(now, span string) string { return now + " - INTERVAL " + span },
		Shrink:  func(context.Context) error { return nil }, // the server uses the space again
		Bounded: true,
	}
}
