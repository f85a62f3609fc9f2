package framesign_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"haechi/internal/brick/framesign"
)

// FuzzSealed: what was signed verifies, and with any one byte changed it does not.
// A value that may not be signed is refused when it is read.
func FuzzSealed(f *testing.F) {
	f.Add("k1", "sensor-1", uint64(7), int64(1753412789123), "reading", `{"t":21.5}`, uint16(40), byte(1))
	f.Add("k1", "센서", uint64(1), int64(1753412789123), `say "hi"\`, `{"sig":"x"}`, uint16(3), byte(0x80))
	f.Add("k\n1", "a/b", uint64(0), int64(1), "", `1,"sig":"`, uint16(0), byte(0x20))
	r, err := framesign.NewReader(framesign.SignedLines())
	if err != nil {
		f.Fatal(err)
	}
	m := framesign.NewMAC([]byte(secret1))
	f.Fuzz(func(t *testing.T, kid, device string, seq uint64, ms int64, event, body string, place uint16, flip byte) {
		l := framesign.Line{KeyID: kid, Device: device, Seq: seq, Millis: ms, Event: event}
		if body != "" {
			l.Body = []byte(body)
		}
		frame := framesign.AppendLine(nil, &l)
		read, fault := r.Read(frame)
		if fault != framesign.OK {
			if allowed(&l) && (body == "" || body == "1") {
				t.Fatalf("%q is refused: %v", frame, fault)
			}
			return
		}
		if !allowed(&l) && json.Valid([]byte(body)) {
			t.Fatalf("%q is taken", frame)
		}
		if fault := m.Sign(&read.Text, frame, read.At); fault != framesign.OK {
			t.Fatalf("%q cannot be signed: %v", frame, fault)
		}
		if !verifies(r, m, frame) {
			t.Fatalf("%q does not verify", frame)
		}
		if flip == 0 {
			return
		}
		frame[int(place)%len(frame)] ^= flip
		if verifies(r, m, frame) {
			t.Fatalf("%q verifies after a byte was changed", frame)
		}
	})
}

func verifies(r *framesign.Reader, m *framesign.MAC, frame []byte) bool {
	f, fault := r.Read(frame)
	return fault == framesign.OK && m.Verify(&f.Text, frame, f.At) == framesign.OK
}

// allowed is the plain reading of what may be signed, whatever the body.
func allowed(l *framesign.Line) bool {
	for _, s := range []string{l.KeyID, l.Device, l.Event} {
		if s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
			return false
		}
	}
	return len(l.KeyID)+len(l.Device)+len(l.Event) < 3900 && !strings.Contains(l.Device, "/") && utf8.RuneCountInString(l.Device) <= 100 &&
		l.Seq >= 1 && l.Seq < 1<<53 && l.Millis >= 1e12 && l.Millis < 1e13
}

// FuzzRead holds the reader against encoding/json: a frame that it takes is one for
// the reference, with the same text to sign; and a frame that the reference takes is
// refused for nothing but what only a strict scanner looks for.
func FuzzRead(f *testing.F) {
	all := makeVectors()
	for _, v := range all.Frames {
		if v.Profile == "signed-lines" {
			f.Add(v.bytes(f))
		}
	}
	r, err := framesign.NewReader(framesign.SignedLines())
	if err != nil {
		f.Fatal(err)
	}
	m := framesign.NewMAC([]byte(secret1))
	f.Fuzz(func(t *testing.T, frame []byte) {
		want, refErr := refVerify(secret1, frame)
		read, fault := r.Read(frame)
		var text []byte
		if fault == framesign.OK {
			text, _ = m.Canonical(&read.Text, frame, read.At)
			text = bytes.Clone(text)
			fault = m.Verify(&read.Text, frame, read.At)
		}
		switch {
		case fault == framesign.OK && (refErr != nil || want != string(text)):
			t.Fatalf("%q is taken; the reference: %v, %q, not %q", frame, refErr, want, text)
		case fault != framesign.OK && fault != framesign.BadFrame && refErr == nil:
			t.Fatalf("%q is refused: %v", frame, fault)
		}
	})
}
