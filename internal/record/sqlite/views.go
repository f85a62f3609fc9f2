package sqlite

import (
	"embed"
	"strings"
)

// One text is both the view in the database and the report: in a view $NOW is the
// present, in a report it is the time asked for.
//
//go:embed views/*.sql
var views embed.FS

// viewNames lists the views: the documents' three as written (adapted only where
// SQLite's date functions differ), the corrected ones beside them, and four more.
func viewNames() []string {
	return []string{
		"v_daily_security_report", "v_hourly_activity_pattern", "v_ip_connection_attempts",
		"v_daily_security_report_fixed", "v_hourly_activity_pattern_fixed", "v_ip_connection_attempts_fixed",
		"v_device_activity", "v_device_transport", "v_csp_violations", "v_query_volume",
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

// viewStatements makes all views anew.
func viewStatements() []string {
	var out []string
	for _, n := range viewNames() {
		out = append(out, "DROP VIEW IF EXISTS "+n, "CREATE VIEW "+n+" AS "+viewText(n, "'now'"))
	}
	return out
}
