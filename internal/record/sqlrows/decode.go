package sqlrows

import (
	"database/sql"
	"encoding"
	"errors"
	"net/netip"
	"time"

	"haechi"
)

// texts and numbers of one row, in the order of place.columns.
type eventRow struct {
	id                                                       int64
	created, kind                                            string
	ns, n                                                    int64
	status, service, reason, ip, client, device, certificate sql.NullString
	user, ja4, country, verdict, rule, ref                   sql.NullString
	severity, flags, actors, asn, port, localPort, session   sql.NullInt64
	observed, threshold                                      sql.NullFloat64
	window                                                   sql.NullInt64
	duration, bytesIn, bytesOut, httpStatus                  sql.NullInt64
	room, frame, method, host, path, class, agent, text      sql.NullString
}

// into lists the destinations for a scan of the id and the place's columns.
func (r *eventRow) into(p place) []any {
	d := []any{&r.id, &r.created, &r.ns, &r.kind, &r.status, &r.flags, &r.service, &r.n, &r.ip, &r.client, &r.device,
		&r.port, &r.localPort, &r.session, &r.duration, &r.bytesIn, &r.bytesOut}
	switch p {
	case chatLogs:
		d = append(d, &r.room, &r.frame)
	case otherEvents:
		d = append(d, &r.room, &r.frame, &r.method, &r.host, &r.path, &r.httpStatus, &r.class, &r.agent, &r.text)
	}
	return append(d, &r.severity, &r.reason, &r.actors, &r.certificate, &r.user, &r.ja4, &r.country, &r.asn,
		&r.verdict, &r.rule, &r.ref, &r.observed, &r.threshold, &r.window)
}

// event builds the event that encoder.append took apart.
func (r *eventRow) event() (haechi.Event, error) {
	f := r.flags.Int64
	e := haechi.Event{
		Time: time.Unix(0, r.ns).UTC(), Severity: haechi.Severity(r.severity.Int64), Service: r.service.String,
		Reason: haechi.Reason(r.reason.String), Distinct: uint64(r.actors.Int64),
		Actor: haechi.Actor{Device: r.device.String, Certificate: r.certificate.String, User: r.user.String,
			Fingerprint: r.ja4.String, Country: r.country.String, ASN: uint32(r.asn.Int64),
			Assurance: haechi.Assurance(f & flagAssurance), Allowed: f&flagAllowed != 0},
		Port: uint16(r.port.Int64), LocalPort: uint16(r.localPort.Int64), Session: uint64(r.session.Int64),
		Provoked: f&flagProvoked != 0, Shadow: f&flagShadow != 0, TLS: f&flagTLS != 0,
		Rule: r.rule.String, Ref: haechi.Reference(r.ref.String), Observed: r.observed.Float64, Threshold: r.threshold.Float64, Window: time.Duration(r.window.Int64),
		Frame: r.frame.String, Room: r.room.String, Method: r.method.String, Host: r.host.String, Path: r.path.String,
		Status: int(r.httpStatus.Int64), Class: r.class.String, UserAgent: r.agent.String,
		BytesIn: r.bytesIn.Int64, BytesOut: r.bytesOut.Int64, Duration: time.Duration(r.duration.Int64), Text: r.text.String,
	}
	if (r.kind == "request" || r.kind == "answer") && r.text.String != "" {
		if _, err := haechi.ParseHits(r.text.String); err == nil {
			e.Hits, e.Text = r.text.String, ""
		}
	}
	if r.n > 1 {
		e.Count = uint64(r.n)
	}
	switch r.status.String {
	case "success":
		e.Outcome = haechi.Success
	case "failed":
		e.Outcome = haechi.Failure
	}
	return e, errors.Join(parse(&e.Kind, r.kind), parse(&e.Verdict, r.verdict.String), r.addresses(&e.Actor))
}

func (r *eventRow) addresses(a *haechi.Actor) (err error) {
	if r.ip.Valid {
		if a.Addr, err = netip.ParseAddr(r.ip.String); err != nil {
			return err
		}
		if r.flags.Int64&flagNoClient == 0 {
			a.Client = netip.PrefixFrom(a.Addr, a.Addr.BitLen())
		}
	}
	if r.client.Valid {
		a.Client, err = netip.ParsePrefix(r.client.String)
	}
	return err
}

// parse reads an enumeration; an empty text is its zero value.
func parse(into encoding.TextUnmarshaler, s string) error {
	if s == "" {
		return nil
	}
	return into.UnmarshalText([]byte(s))
}

// nanos and moment carry a time through an integer column; 0 is the zero time.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
