package framesign_test

import (
	"bytes"
	"strings"
	"testing"

	"haechi/internal/brick/framesign"
)

func reader(t testing.TB, l framesign.Layout) *framesign.Reader {
	t.Helper()
	r, err := framesign.NewReader(l)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Nothing in a signed frame can be another byte, whichever byte and whichever frame
// of the vectors.
func TestEveryByteCounts(t *testing.T) {
	all := readVectors(t)
	for _, v := range all.Frames {
		if !v.Accept {
			continue
		}
		layout := framesign.SignedLines()
		if v.Profile != layout.Name {
			layout = framesign.Binding()
		}
		r, frame := reader(t, layout), []byte(v.Frame)
		f, fault := r.Read(frame)
		if fault != framesign.OK {
			t.Fatalf("%s: %v", v.Name, fault)
		}
		m := framesign.NewMAC([]byte(all.Keys[string(f.Device)][string(f.KeyID)]))
		for i := range frame {
			for _, bit := range []byte{1, 0x20, 0x80} {
				frame[i] ^= bit
				if verifies(r, m, frame) {
					t.Errorf("%s: byte %d can be %q", v.Name, i, frame[i])
				}
				frame[i] ^= bit
			}
		}
		if !verifies(r, m, frame) {
			t.Errorf("%s: does not verify", v.Name)
		}
	}
}

func TestWhatAReaderFinds(t *testing.T) {
	r := reader(t, framesign.SignedLines())
	l := framesign.Line{KeyID: "k1", Device: "sensor-1", Direction: framesign.Down, Seq: 12, Millis: 1753412789123, Event: `a"b`, Body: []byte(`"x"`)}
	frame := framesign.AppendLine([]byte("before"), &l)[len("before"):]
	f, fault := r.Read(frame)
	if fault != framesign.OK || string(f.KeyID) != "k1" || string(f.Device) != "sensor-1" || f.Direction != framesign.Down ||
		f.Seq != 12 || string(f.Nonce) != "12" || f.Millis != 1753412789123 || string(f.Event) != `a"b` || string(f.Body) != `"x"` {
		t.Errorf("%v %+v", fault, f)
	}
	l.Body = nil
	if f, fault = r.Read(framesign.AppendLine(nil, &l)); fault != framesign.OK || f.Body != nil {
		t.Errorf("%v %q", fault, f.Body)
	}
}

// A signature has its place in the frame; anything else would sign something else.
func TestPlaces(t *testing.T) {
	m := framesign.NewMAC([]byte(secret1))
	x := framesign.Text{KeyID: []byte("k"), Device: []byte("d"), Nonce: []byte("1"), Timestamp: []byte(stamp), Event: []byte("e")}
	frame := []byte(`{"sig":"` + zeros + `"}`)
	for _, at := range []int{-1, 0, 7, 9, len(frame) - 64, len(frame), 1 << 30} {
		if f := m.Sign(&x, bytes.Clone(frame), at); f != framesign.BadForm {
			t.Errorf("at %d: %v", at, f)
		}
	}
	if f := m.Sign(&x, frame, 8); f != framesign.OK {
		t.Error(f)
	}
}

func TestLayoutsAreChecked(t *testing.T) {
	l := framesign.SignedLines()
	l.Event = l.KeyID
	if _, err := framesign.NewReader(l); err == nil {
		t.Error("one path for two values")
	}
}

// What the builder makes of the parts of a vector is the vector.
func TestAppendBot(t *testing.T) {
	b := bound{tail: greeting}.fill()
	a := framesign.Auth{ClientType: "MessengerBotR", Bot: b.bot, DeviceID: b.serial, UUID: b.serial, MAC: "02:00:00:00:00:00", Addr: "192.168.0.15",
		Version: "3.3.3", Millis: 1753412789123, KeyID: b.kid, Nonce: b.nonce}
	m := framesign.NewMAC([]byte(b.secret))
	older, fault := m.Older([]byte(saltB), &a)
	if fault != framesign.OK {
		t.Fatal(fault)
	}
	frame := framesign.AppendBot(nil, b.event, []byte("{"+strings.TrimSuffix(b.rest, ",")+"}"), &a, older, []byte(b.tail))
	if string(frame) != b.blanked() {
		t.Errorf("%s\nwant %s", frame, b.blanked())
	}
	a.KeyID = ""
	if s := string(framesign.AppendBot(nil, "pong", []byte("{}"), &a, older, nil)); !strings.HasPrefix(s, `{"event":"pong","data":{"auth":{`) ||
		!strings.HasSuffix(s, older+`"}}}`) {
		t.Errorf("unbound: %s", s)
	}
}

func TestLegacy(t *testing.T) {
	m := framesign.NewMAC([]byte("example-shared-key-do-not-use"))
	fields := func(bot string) [][]byte {
		return [][]byte{[]byte("MessengerBotR"), []byte(bot), []byte(serial), []byte("02:00:00:00:00:00"), []byte("192.168.0.15"), []byte(stamp)}
	}
	// The vectors of the protocol's page.
	for bot, want := range map[string]string{
		"LOA.i": "c3b762c2a87c1a3edfd65e5897dac83686f6cdca4cef1754ce17dc093e1e7829",
		"도매까봇":  "1352c40a03b071fe8028f196fef275f6d5af0c2b9ea7283a88d018011c3c8879",
	} {
		if got, f := m.Legacy([]byte("example-salt"), fields(bot)...); f != framesign.OK || got != want {
			t.Errorf("%s: %s %v", bot, got, f)
		}
	}
	if _, f := m.Legacy(nil, fields("a|b")...); f != framesign.BadField {
		t.Errorf("a delimiter in a field: %v", f)
	}
}

func TestFaultsAreNamed(t *testing.T) {
	seen := map[string]bool{}
	for f := framesign.OK; f <= framesign.Mismatch; f++ {
		if f.Error() == "" || seen[f.Error()] || seen["check "+f.Check()] || (f.Check() == "") != (f == framesign.OK) {
			t.Errorf("fault %d: %q, %q", f, f.Error(), f.Check())
		}
		seen[f.Error()], seen["check "+f.Check()] = true, true
	}
}

func TestVerifyingAllocatesNothing(t *testing.T) {
	r, m := reader(t, framesign.Binding()), framesign.NewMAC([]byte(secretB))
	frame := []byte(bound{tail: greeting, bot: `LOA\"i`, auth: ""}.sign())
	good := []byte(bound{tail: greeting}.sign())
	for _, one := range [][]byte{good, frame} {
		if n := testing.AllocsPerRun(100, func() {
			if f, fault := r.Read(one); fault == framesign.OK {
				m.Verify(&f.Text, one, f.At)
				m.Sign(&f.Text, one, f.At)
			}
		}); n != 0 {
			t.Errorf("%v allocations a frame", n)
		}
	}
}

func BenchmarkReadAndVerify(b *testing.B) {
	r, m := reader(b, framesign.SignedLines()), framesign.NewMAC([]byte(secret1))
	frame := []byte(spec{}.sign())
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		f, fault := r.Read(frame)
		if fault != framesign.OK || m.Verify(&f.Text, frame, f.At) != framesign.OK {
			b.Fatal("refused")
		}
	}
}
