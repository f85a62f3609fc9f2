package sqlrows

import (
	"strings"

	"haechi"
)

// place is one of the four tables that events lie in.
type place int

const (
	chatLogs place = iota
	connectionLogs
	queryLogs
	otherEvents
	places
)

func (p place) table() string {
	return [places]string{"kb_chat_logs", "kb_connection_logs", "kb_query_logs", "events"}[p]
}

// placeOf says where an event is written, once. The documents count a row of
// kb_connection_logs as one attempt, so a completed handshake, which belongs to an
// attempt that was counted already, lies elsewhere.
func placeOf(e *haechi.Event) place {
	failed := e.Outcome == haechi.Failure
	switch {
	case e.Kind == haechi.KindMessage, e.Kind == haechi.KindAuth && failed && e.Reason != haechi.ReasonLogin:
		return chatLogs
	case e.Kind == haechi.KindConnect, e.Kind == haechi.KindHandshake && failed:
		return connectionLogs
	case e.Kind == haechi.KindQuery:
		return queryLogs
	}
	return otherEvents
}

// mayHold reports whether events of the kind may lie in the place.
func (p place) mayHold(k haechi.Kind) bool {
	switch p {
	case chatLogs:
		return k == haechi.KindMessage || k == haechi.KindAuth
	case connectionLogs:
		return k == haechi.KindConnect || k == haechi.KindHandshake
	case queryLogs:
		return k == haechi.KindQuery
	}
	return k != haechi.KindMessage && k != haechi.KindConnect && k != haechi.KindQuery
}

// usual lists the columns that most rows fill; rare those that are NULL in nearly
// every row that was let through.
func (p place) usual() []string {
	c := []string{"created_at", "ns", "kind", "status", "flags", "service", "n", "ip_address", "client", "device_id",
		"port", "local_port", "session", "duration_ns", "bytes_in", "bytes_out"}
	switch p {
	case chatLogs:
		return append(c, "room", "frame")
	case otherEvents:
		return append(c, "room", "frame", "method", "host", "path", "http_status", "class", "user_agent", "text")
	}
	return c
}

func rare() []string {
	return []string{"severity", "reason", "actors", "certificate", "user_name", "ja4", "country", "asn",
		"verdict", "rule", "ref", "observed", "threshold", "window_ns"}
}

// plain reports whether all rare columns would be NULL. Binding a NULL costs as much
// as binding a value, so plain rows have a statement of their own.
func plain(e *haechi.Event) bool {
	return e.Fingerprint == "" && e.Severity == haechi.Info && e.Verdict == haechi.Pass && e.Reason == "" && e.Ref == "" && e.Rule == "" &&
		e.Distinct == 0 && e.Observed == 0 && e.Threshold == 0 && e.Window == 0 &&
		e.Certificate == "" && e.User == "" && e.Country == "" && e.ASN == 0
}

// columns lists all that is written and read, in the order of encode and decode.
func (p place) columns() []string { return append(p.usual(), rare()...) }

// insert is the statement that writes so many rows of the columns at once.
func (p place) insert(columns []string, rows int) string {
	one := "(" + strings.Repeat("?,", len(columns)-1) + "?)"
	return "INSERT INTO " + p.table() + " (" + strings.Join(columns, ",") + ") VALUES " +
		strings.Repeat(one+",", rows-1) + one
}
