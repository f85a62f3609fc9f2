package config

import (
	"time"

	"haechi/pin"
)

// spki is a pin as haechi pin prints it.
type spki pin.Pin

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *spki) UnmarshalText(b []byte) error {
	p, err := pin.Parse(string(b))
	if err != nil {
		return wrong("write sha256/ and the base64 of a SHA-256, as haechi pin prints it", "%s is no pin", quoted(string(b)))
	}
	*s = spki(p)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (s spki) MarshalText() ([]byte, error) { return []byte(pin.Pin(s).String()), nil }

// calendar is a day, in UTC; empty: none.
type calendar string

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *calendar) UnmarshalText(b []byte) error {
	if _, err := time.Parse(time.DateOnly, string(b)); err != nil && len(b) > 0 {
		return wrong("write year, month and day, for example 2027-06-30", "%s is no day", quoted(string(b)))
	}
	*c = calendar(b)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (c calendar) MarshalText() ([]byte, error) { return []byte(c), nil }

// day is its first moment, the zero time for none.
func (c calendar) day() time.Time {
	t, err := time.Parse(time.DateOnly, string(c))
	if err != nil {
		return time.Time{}
	}
	return t
}

func compileBehind(b *rawBehind) Behind {
	out := Behind{CA: b.CA, Name: b.Name, Until: b.Until.day(), ReportOnly: b.Mode == "shadow"}
	for _, p := range b.Pins {
		out.Pins = append(out.Pins, pin.Pin(p))
	}
	return out
}

// behind finds what would verify nothing, or lock the gateway out of its upstream.
func (v *validator) behind(key, upstream string, b *rawBehind) {
	if !v.written(key) {
		return
	}
	if len(upstream) < 8 || upstream[:8] != "https://" {
		v.wrongAt(key, "leave it out, or write https:// in upstream", "%s is for an https upstream", key)
	}
	distinct := map[spki]bool{}
	for _, p := range b.Pins {
		distinct[p] = true
	}
	switch {
	case len(b.Pins) > 0 && len(distinct) < 2:
		v.wrongAt(key+".pins", "add the pin of a backup key that is kept elsewhere: haechi pin backup.key", "one pin alone would make the loss of its key an outage")
	case len(b.Pins) == 0 && (b.Mode != "" || b.Until != ""):
		v.wrongAt(key, "add pins:, or leave out pins_mode and pins_until", "%s has no pins", key)
	}
	if b.Name != "" && !isHost(b.Name) {
		v.wrongAt(key+".name", "write a name without scheme and port", "%s is no host name", quoted(b.Name))
	}
}
