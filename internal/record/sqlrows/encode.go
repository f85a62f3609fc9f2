package sqlrows

import (
	"net/netip"
	"time"

	"haechi"
)

// Bits of the column flags; the two lowest are the assurance.
const (
	flagAssurance = 3
	flagAllowed   = 4
	flagProvoked  = 8
	flagShadow    = 16
	flagNoClient  = 32 // an address without a client key
	flagTLS       = 64
)

// secondLayout is how the documents' queries compare time, in UTC.
const secondLayout = "2006-01-02 15:04:05"

// textCap bounds the encoder's memory of address texts.
const textCap = 4096

// encoder turns events into column values. It remembers the texts of the current
// second and of addresses, which repeat.
type encoder struct {
	d      *Dialect
	second int64
	stamp  string
	addrs  map[netip.Addr]string
}

func (c *encoder) at(t time.Time) string {
	if s := t.Unix(); s != c.second || c.stamp == "" {
		c.second, c.stamp = s, c.d.stamp(t)
	}
	return c.stamp
}

func (c *encoder) addr(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	if s, ok := c.addrs[a]; ok {
		return s
	}
	if len(c.addrs) >= textCap || c.addrs == nil {
		c.addrs = make(map[netip.Addr]string, 64)
	}
	s := a.String()
	c.addrs[a] = s
	return s
}

// client is NULL where the client key is the address itself.
func (c *encoder) client(a *haechi.Actor) any {
	if !a.Client.IsValid() || a.Client.IsSingleIP() && a.Client.Addr() == a.Addr {
		return nil
	}
	return a.Client.String()
}

// usual adds the values of place.usual.
func (c *encoder) usual(args []any, p place, e *haechi.Event) []any {
	args = append(args, c.at(e.Time), e.Time.UnixNano(), e.Kind.String(), status(e.Outcome), flags(e), c.short(e.Service),
		int64(e.N()), text(c.addr(e.Addr)), c.client(&e.Actor), c.name(e.Device), number(int64(e.Port)), number(int64(e.LocalPort)),
		number(int64(e.Session)), number(int64(e.Duration)), number(e.BytesIn), number(e.BytesOut))
	switch p {
	case chatLogs:
		return append(args, c.name(e.Room), c.short(e.Frame))
	case otherEvents:
		return append(args, c.name(e.Room), c.short(e.Frame), c.short(e.Method), c.name(e.Host), c.long(e.Path),
			number(int64(e.Status)), c.short(e.Class), c.long(e.UserAgent), c.long(line(e)))
	}
	return args
}

// line is what the column text of an event holds: of a request what the WAF found in
// it, of others their text.
func line(e *haechi.Event) string {
	if e.Hits != "" {
		return e.Hits
	}
	return e.Text
}

// rare adds the values of the rare columns.
func (c *encoder) rare(args []any, e *haechi.Event) []any {
	return append(args, number(int64(e.Severity)), c.short(string(e.Reason)), number(int64(e.Distinct)), c.long(e.Certificate),
		c.name(e.User), c.short(e.Fingerprint), c.short(e.Country), number(int64(e.ASN)), verdict(e.Verdict), c.short(e.Rule),
		c.short(string(e.Ref)), float(e.Observed), float(e.Threshold), number(int64(e.Window)))
}

func flags(e *haechi.Event) any { return number(flagBits(e)) }

func flagBits(e *haechi.Event) int64 {
	f := int64(e.Assurance) & flagAssurance
	if e.Allowed {
		f |= flagAllowed
	}
	if e.Provoked {
		f |= flagProvoked
	}
	if e.Shadow {
		f |= flagShadow
	}
	if e.TLS {
		f |= flagTLS
	}
	if e.Addr.IsValid() && !e.Client.IsValid() {
		f |= flagNoClient
	}
	return f
}

func status(o haechi.Outcome) any {
	switch o {
	case haechi.Success:
		return "success"
	case haechi.Failure:
		return "failed"
	}
	return nil
}

func verdict(a haechi.Action) any {
	if a == haechi.Pass {
		return nil
	}
	return a.String()
}

// short, name and long fit a text into a column of that length.
func (c *encoder) short(s string) any { return text(c.d.fit(s, maxShort)) }
func (c *encoder) name(s string) any  { return text(c.d.fit(s, maxName)) }
func (c *encoder) long(s string) any  { return text(c.d.fit(s, maxLong)) }

// text, number and float are NULL for the zero value: most columns of most rows.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func number(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

func float(f float64) any {
	if f == 0 {
		return nil
	}
	return finite(f)
}
