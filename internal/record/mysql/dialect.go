package mysql

import (
	"context"
	"embed"
	"strconv"
	"strings"

	"haechi/internal/record/sqlrows"
)

// One text is both the view in the database and the report: in a view $NOW is the
// present, in a report it is the time asked for.
//
//go:embed views/*.sql
var views embed.FS

// viewNames lists the views: the documents' three word for word, the corrected ones
// beside them, and two more.
func viewNames() []string {
	return []string{
		"v_daily_security_report", "v_hourly_activity_pattern", "v_ip_connection_attempts",
		"v_daily_security_report_fixed", "v_hourly_activity_pattern_fixed", "v_ip_connection_attempts_fixed",
		"v_device_activity", "v_query_volume",
	}
}

// viewText reads a view's query and puts in the expression for the present. A view
// that is missing is a defect of the build, which every test would show.
func viewText(name, now string) string {
	text, err := views.ReadFile("views/" + name + ".sql")
	if err != nil {
		return "SELECT 'missing'"
	}
	return strings.ReplaceAll(string(text), "$NOW", now)
}

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
		View: func(name string) (string, int) {
			const present = "CAST(? AS DATETIME)"
			query := viewText(name, present)
			return query, strings.Count(query, present)
		},
		Shrink:  func(context.Context) error { return nil }, // the server uses the space again
		Bounded: true,
	}
}
