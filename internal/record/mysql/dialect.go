package mysql

import (
	"context"
	"embed"
	"strconv"

	"haechi/internal/record/sqlrows"
)

// views hold the documents' three views, word for word.
//
//go:embed views/*.sql
var views embed.FS

// dialect is how MariaDB and MySQL say it.
func dialect() sqlrows.Dialect {
	return sqlrows.Dialect{
		Failure: failure,
		Keep:    func(column string) string { return " ON DUPLICATE KEY UPDATE " + column + " = " + column },
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
