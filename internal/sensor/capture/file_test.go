package capture_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"haechi/internal/sensor/capture"
)

var began = time.Date(2026, 11, 1, 0, 0, 0, 123456000, time.UTC)

func info(i, n int) gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: began.Add(time.Duration(i) * time.Second), CaptureLength: n, Length: n + 10}
}

func pcap(t testing.TB, frames ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	err := w.WriteFileHeader(65535, layers.LinkTypeEthernet)
	for i, f := range frames {
		err = errors.Join(err, w.WritePacket(info(i, len(f)), []byte(f)))
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pcapng(t testing.TB, frames ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, layers.LinkTypeEthernet)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := w.AddInterface(pcapgo.NgInterface{LinkType: layers.LinkTypeRaw, SnapLength: 65535})
	for i, f := range frames {
		ci := info(i, len(f))
		ci.InterfaceIndex = i % (raw + 1)
		err = errors.Join(err, w.WritePacket(ci, []byte(f)))
	}
	if err = errors.Join(err, w.Flush()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(t testing.TB, b []byte) (out []string, links []uint32, end error) {
	t.Helper()
	f, err := capture.Open(bytes.NewReader(b))
	if err != nil {
		return nil, nil, err
	}
	var frame capture.Frame
	for {
		if err := f.Next(&frame); err != nil {
			return out, links, err
		}
		if frame.Wire < len(frame.Bytes) {
			t.Fatalf("%d captured of %d", len(frame.Bytes), frame.Wire)
		}
		out, links = append(out, string(frame.Bytes)), append(links, frame.Link)
		if want := began.Add(time.Duration(len(out)-1) * time.Second); frame.Time/1000 != want.UnixNano()/1000 {
			t.Errorf("frame %d at %v", len(out), time.Unix(0, frame.Time).UTC())
		}
	}
}

func TestFilesAreRead(t *testing.T) {
	for name, b := range map[string][]byte{"pcap": pcap(t, "one", "two", "three"), "pcapng": pcapng(t, "one", "two", "three")} {
		got, links, err := read(t, b)
		if len(got) != 3 || got[0] != "one" || got[2] != "three" || !errors.Is(err, io.EOF) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if name == "pcapng" && (links[0] != 1 || links[1] == 1) {
			t.Errorf("link types %v", links)
		}
	}
}

// What came before the cut counts, and the cut is told.
func TestCutFile(t *testing.T) {
	whole := pcap(t, "one", "two", "three")
	got, _, err := read(t, whole[:len(whole)-2])
	if len(got) != 2 || !errors.Is(err, io.EOF) {
		t.Errorf("%q, %v", got, err)
	}
	f, err := capture.Open(bytes.NewReader(whole[:len(whole)-2]))
	if err != nil {
		t.Fatal(err)
	}
	var frame capture.Frame
	for f.Next(&frame) == nil {
	}
	if !f.Cut() {
		t.Error("nobody is told that it was cut")
	}
}

func TestOtherFilesAreNone(t *testing.T) {
	for _, text := range []string{"", "abc", "{\"a\":1}\n"} {
		if _, err := capture.Open(bytes.NewReader([]byte(text))); err == nil {
			t.Errorf("%q was opened", text)
		}
	}
}

// FuzzFile: every file ends, and without taking memory for what it only claims.
func FuzzFile(f *testing.F) {
	f.Add(pcap(f, "one", "two"))
	f.Add(pcapng(f, "one", "two"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := capture.Open(bytes.NewReader(b))
		if err != nil {
			return
		}
		var frame capture.Frame
		for n := 0; file.Next(&frame) == nil; n++ {
			if n > len(b) || len(frame.Bytes) > len(b) {
				t.Fatalf("%d frames, one of %d bytes, from %d bytes", n, len(frame.Bytes), len(b))
			}
		}
	})
}
