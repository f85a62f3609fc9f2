package sqlrows

import (
	"embed"
	"regexp"
	"strings"
)

// The corrected views. One text is both the view in the database and the report, for
// every database: $NOW is the present or the time asked for, $AGO(1 day) a time before
// it, $DIV the division of whole numbers.
//
//go:embed views/*.sql
var views embed.FS

// ago finds the times before the present in a view's text.
var ago = regexp.MustCompile(`\$AGO\(([^)]*)\)`)

// ViewNames lists the views: the documents' three as they write them, the corrected
// ones beside them, and five more.
func ViewNames() []string {
	return []string{
		"v_daily_security_report", "v_hourly_activity_pattern", "v_ip_connection_attempts",
		"v_daily_security_report_fixed", "v_hourly_activity_pattern_fixed", "v_ip_connection_attempts_fixed",
		"v_device_activity", "v_device_transport", "v_query_volume", "v_csp_violations", "v_top_failures",
	}
}

// ViewText is the query of a view as it stands in the database.
func (d *Dialect) ViewText(name string) string { return d.viewText(name, d.Present) }

// viewText puts the expression for the present into a view's query.
func (d *Dialect) viewText(name, now string) string {
	text, err := views.ReadFile("views/" + name + ".sql")
	if err != nil {
		return d.AsWritten(name)
	}
	query := ago.ReplaceAllStringFunc(string(text), func(s string) string { return d.Ago(now, ago.FindStringSubmatch(s)[1]) })
	return strings.NewReplacer("$NOW", now, "$DIV", d.Div).Replace(query)
}
