package devicegate_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"haechi/internal/ingress/devicegate"
)

// FuzzMachine feeds arbitrary input, once whole and once in pieces: the pieces
// must not change what happens, and nothing is forwarded before the proof. The
// letters of the script stand for frames of an honest phone.
func FuzzMachine(f *testing.F) {
	for _, seed := range []string{"hpmm", "mmhp", "hmmpm", "h", "p", "hphp", "om", "opapap", "hpx", "hp\n\nm", "hpmd", "hpmdMd", "hphm"} {
		f.Add([]byte(seed), uint16(7), []byte(nil))
		f.Add([]byte(seed), uint16(1), []byte(`{"event":"message","data":{"auth":{}}}`+"\n"))
	}
	f.Add([]byte("hpx"), uint16(500), bytes.Repeat([]byte("A"), 3000))
	f.Fuzz(func(t *testing.T, script []byte, cut uint16, junk []byte) {
		if len(script) > 80 || len(junk) > 4096 {
			t.Skip()
		}
		in := speak(script, junk)
		whole := talk(t, in, len(in)+1)
		pieces := talk(t, in, int(cut%512)+1)
		if whole != pieces {
			t.Errorf("in pieces of %d:\n%s\nwhole:\n%s", cut%512+1, pieces, whole)
		}
	})
}

// speak turns a script into input.
func speak(script, junk []byte) string {
	p := newPhone()
	var in strings.Builder
	last := ""
	for _, c := range script {
		switch c {
		case 'h':
			last = p.hello33()
		case 'o':
			last = p.hello32()
		case 'p':
			last = p.pong()
		case 'a':
			last = p.analyze("r")
		case 'm':
			last = p.message("r", "QQ==")
		case 'M':
			last = p.message("r", "QQ==", with("signature", strings.Repeat("0", 64)))
		case 'd': // the frame before once more
		case 'x':
			last = string(junk)
		default:
			last = string(rune(c))
		}
		in.WriteString(last)
	}
	in.Write(junk)
	return in.String()
}

// talk runs a machine on the input and describes all that came of it.
func talk(t *testing.T, in string, size int) string {
	w := newWorld()
	d := drive(w.gate(t, devicegate.Config{LineIn: 2048, EarlyLines: 5, EarlyBytes: 4096}, devicegate.Deps{}), w, 1)
	for rest := in; rest != ""; {
		n := min(size, len(rest))
		d.feed(rest[:n])
		rest = rest[n:]
		if d.forward.Len() > 0 && !bytes.Contains([]byte(fmt.Sprint(d.ops)), []byte("dial")) {
			t.Fatal("forwarded before the proof")
		}
	}
	// Whatever was forwarded, apart from the handshake, was proved.
	for _, l := range strings.SplitAfter(d.forward.String(), "\n") {
		if l != "" && !strings.Contains(l, `"signature"`) && !strings.Contains(l, `"deviceID"`) {
			t.Fatalf("forwarded %q", l)
		}
	}
	var events strings.Builder
	for _, e := range w.events {
		fmt.Fprintln(&events, e.Kind, e.Outcome, e.Reason, e.Ref, e.Frame, e.Room, e.Observed)
	}
	return fmt.Sprintln(d.ops, d.forward.String(), d.sent.String(), d.m.Ending(), events.String())
}
