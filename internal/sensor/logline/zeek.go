package logline

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"haechi"
)

// zeekRow is a line of one of Zeek's logs, as JSON or by the columns that the file's head
// names (the Zeek manual, "Zeek Log Formats and Inspection").
type zeekRow struct {
	doc     map[string]any
	columns map[string]int
	cells   []string
}

// columns are those of a file.
type columns struct {
	at map[string]int
	n  int
}

// mostColumns bounds a head, mostHeads the files whose heads are known.
const (
	mostColumns = 256
	mostHeads   = 256
)

// In says of which file the next lines are: a log of Zeek names its columns at its head.
func (r *Reader) In(file string) {
	if r.file != file {
		r.file, r.columns = file, r.heads[file]
	}
}

// Follow takes over from a reader what it knows of files.
func (r *Reader) Follow(before *Reader) {
	if before != nil {
		r.heads, r.file, r.columns = before.heads, before.file, before.columns
	}
}

// zeekLine reads a line by columns, or of a head; false: it is none.
func (r *Reader) zeekLine(p *pattern, line []byte) bool {
	if line[0] == '#' {
		return r.zeekHead(line)
	}
	if r.columns == nil || bytes.Count(line, []byte{'\t'}) != r.columns.n-1 {
		return false
	}
	return r.zeek(p, &zeekRow{columns: r.columns.at, cells: strings.Split(string(line), "\t")})
}

// zeekHead takes the names of columns; the separator must be a tab, as it is unless told
// otherwise.
func (r *Reader) zeekHead(line []byte) bool {
	if bytes.HasPrefix(line, []byte("#separator ")) {
		r.setColumns(nil)
		return true
	}
	names, ok := bytes.CutPrefix(line, []byte("#fields\t"))
	if !ok {
		return bytes.HasPrefix(line, []byte("#path\t")) || bytes.HasPrefix(line, []byte("#types\t"))
	}
	all := strings.Split(string(names), "\t")
	if len(all) > mostColumns || all[0] != "ts" {
		r.setColumns(nil)
		return true
	}
	c := &columns{map[string]int{}, len(all)}
	for i, name := range all {
		c.at[name] = i
	}
	r.setColumns(c)
	return true
}

func (r *Reader) setColumns(c *columns) {
	if r.heads == nil || len(r.heads) >= mostHeads {
		r.heads = map[string]*columns{}
	}
	r.heads[r.file], r.columns = c, c
}

// zeekJSON reads a line of JSON; false: it is none of Zeek's.
func (r *Reader) zeekJSON(p *pattern, m *message) bool {
	if !bytes.Contains(m.text, []byte(`"uid":`)) || !bytes.Contains(m.text, []byte(`"id.orig_h":`)) {
		return false
	}
	var doc map[string]any
	if json.Unmarshal(m.text, &doc) != nil {
		return false
	}
	return r.zeek(p, &zeekRow{doc: doc})
}

// has reports whether the log has a column at all.
func (z *zeekRow) has(name string) bool {
	if z.doc != nil {
		_, ok := z.doc[name]
		return ok
	}
	_, ok := z.columns[name]
	return ok
}

// text is a cell, "" where nothing is set.
func (z *zeekRow) text(name string) string {
	if z.doc != nil {
		return textOf(z.doc[name])
	}
	i, ok := z.columns[name]
	if !ok || z.cells[i] == "-" || z.cells[i] == "(empty)" {
		return ""
	}
	return z.cells[i]
}

// list is a cell of several texts.
func (z *zeekRow) list(name string) (out []string) {
	if z.doc == nil {
		return strings.Split(z.text(name), ",")
	}
	all, _ := z.doc[name].([]any)
	for _, v := range all {
		out = append(out, textOf(v))
	}
	return out
}

func (z *zeekRow) number(name string) uint64 {
	n, err := strconv.ParseUint(z.text(name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// seconds is a number of seconds as a duration.
func (z *zeekRow) seconds(name string) time.Duration {
	f, err := strconv.ParseFloat(z.text(name), 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > 1e9 {
		return 0
	}
	return time.Duration(f * 1e9)
}

// time is a time as seconds since 1970 or as ISO 8601 has it.
func (z *zeekRow) time(name string) time.Time {
	s := z.text(name)
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		at, _ := time.Parse(time.RFC3339Nano, s) // without one the line before tells it
		return at
	}
	if math.IsNaN(f) || f < 0 || f > 1<<33 {
		return time.Time{}
	}
	whole, part := math.Modf(f)
	return time.Unix(int64(whole), int64(math.Round(part*1e6))*1000).UTC()
}

// zeek tells what a row of conn, dns, ssl, http or ssh says.
func (r *Reader) zeek(p *pattern, z *zeekRow) bool {
	c := ends{sport: port16(z.text("id.orig_p")), dport: port16(z.text("id.resp_p")), transport: transportNamed(z.text("proto"))}
	c.src, _ = netip.ParseAddr(z.text("id.orig_h")) // about wants both
	c.dst, _ = netip.ParseAddr(z.text("id.resp_h"))
	at := z.time("ts")
	switch {
	case at.IsZero():
		return false
	case z.has("conn_state"):
		return r.zeekFlow(p, &c, z, at)
	case z.has("qtype_name") && z.has("query"):
		if !r.about(p, haechi.KindLookup, &c) || z.text("query") == "" {
			return false
		}
		r.lookup(z.text("query"), z.text("qtype_name"), z.text("rcode_name") == "NOERROR", z.list("answers"), at)
		return true
	}
	c.transport = haechi.TCP // these logs do not name it
	switch {
	case z.has("method") && z.has("uri"):
		return r.zeekHTTP(p, &c, z, at)
	case z.has("cipher") && z.has("established"):
		if !r.about(p, haechi.KindHello, &c) {
			return false
		}
		r.hello(z.text("server_name"), z.text("ja4"), at)
		return true
	case z.has("auth_attempts"):
		return r.zeekSSH(p, &c, z, at)
	}
	return false
}

func (r *Reader) zeekFlow(p *pattern, c *ends, z *zeekRow, start time.Time) bool {
	a := amounts{bytesIn: z.number("orig_ip_bytes"), bytesOut: z.number("resp_ip_bytes"), packetsIn: z.number("orig_pkts"), packetsOut: z.number("resp_pkts")}
	if a.packetsIn+a.packetsOut == 0 {
		return false
	}
	if c.transport == haechi.ICMP { // its type stands in the place of a port
		if a.kind = uint8(c.sport); c.src.Is6() {
			c.transport = haechi.ICMPv6
		}
	}
	if !r.about(p, haechi.KindFlow, c) {
		return false
	}
	r.event.Protocol, _, _ = strings.Cut(r.texts.clean([]byte(z.text("service"))), ",")
	if r.event.Protocol == "ssl" {
		r.event.Protocol = "tls"
	}
	a.flagsIn, a.flagsOut = history(z.text("history"))
	r.over(&a, start, start.Add(z.seconds("duration")))
	return true
}

// history reads flags from what Zeek writes down of each direction, the initiator's in
// capitals.
func history(s string) (in, out uint8) {
	for _, c := range s {
		to := &in
		if c >= 'a' {
			to, c = &out, c-'a'+'A'
		}
		switch c {
		case 'S':
			*to |= syn
		case 'H':
			*to |= syn | ack
		case 'A':
			*to |= ack
		case 'D':
			*to |= psh | ack
		case 'F':
			*to |= fin
		case 'R':
			*to |= rst
		}
	}
	return in, out
}

func (r *Reader) zeekHTTP(p *pattern, c *ends, z *zeekRow, at time.Time) bool {
	if !r.about(p, haechi.KindRequest, c) {
		return false
	}
	e := &r.event
	e.Protocol, e.Outcome, e.Status = "http", haechi.Success, int(min(z.number("status_code"), 999))
	if e.Status >= 400 {
		e.Outcome = haechi.Failure
	}
	e.Method, e.Host, e.Path = r.texts.clean([]byte(z.text("method"))), r.texts.clean([]byte(z.text("host"))), r.texts.clean([]byte(pathOnly(z.text("uri"))))
	e.UserAgent, e.BytesOut = r.texts.clean([]byte(z.text("user_agent"))), int64(min(z.number("response_body_len"), mostAmount))
	r.send(e, at)
	return true
}

// mostLogins bounds the logins of a connection.
const mostLogins = 32

// zeekSSH tells of each attempt to log in; that the last one succeeded is Zeek's guess.
func (r *Reader) zeekSSH(p *pattern, c *ends, z *zeekRow, at time.Time) bool {
	n, success := min(z.number("auth_attempts"), mostLogins), z.text("auth_success")
	if success != "" {
		n = max(n, 1)
	}
	if n == 0 || !r.about(p, haechi.KindAuth, c) {
		return false
	}
	e := r.event
	for i := range n {
		r.event = e
		r.event.Protocol, r.event.Outcome, r.event.Type = "ssh", haechi.Failure, "password"
		if i == n-1 && (success == "T" || success == "true") {
			r.event.Outcome = haechi.Success
		}
		r.send(&r.event, at)
	}
	return true
}
