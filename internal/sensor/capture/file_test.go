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

// FuzzClassic: frames are those that gopacket reads.
func FuzzClassic(f *testing.F) {
	for _, magic := range [][]byte{{0xd4, 0xc3, 0xb2, 0xa1}, {0xa1, 0xb2, 0xc3, 0xd4}, {0x4d, 0x3c, 0xb2, 0xa1}, {0xa1, 0xb2, 0x3c, 0x4d}} {
		b := pcap(f, "one", "three")
		if copy(b, magic); magic[0] == 0xa1 { // the other byte order
			for i := 4; i < 8; i += 2 {
				b[i], b[i+1] = b[i+1], b[i]
			}
			for _, i := range []int{16, 20, 24, 28, 32, 36, 43, 47, 51, 55} {
				b[i], b[i+1], b[i+2], b[i+3] = b[i+3], b[i+2], b[i+1], b[i]
			}
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		theirs, err := pcapgo.NewReader(bytes.NewReader(b))
		if len(b) < 4 || !capture.Is(b) || b[0] == 0x0a || err != nil {
			return
		}
		ours, err := capture.Open(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		var frame capture.Frame
		for {
			data, info, err := theirs.ReadPacketData()
			if err != nil || len(data) > 256<<10 {
				return
			}
			if err := ours.Next(&frame); err != nil {
				t.Fatalf("gopacket reads %d bytes: %v", len(data), err)
			}
			late := frame.Time - info.Timestamp.UnixNano() // gopacket's fractions overflow
			if !bytes.Equal(frame.Bytes, data) || frame.Wire != info.Length || late%(1<<32) != 0 {
				t.Fatalf("%+v, gopacket %q %+v", frame, data, info)
			}
		}
	})
}

// A frame costs no memory, whatever its size.
func TestFramesCostNothing(t *testing.T) {
	frames := make([]string, 3000)
	for i := range frames {
		frames[i] = string(make([]byte, i%1500))
	}
	f, err := capture.Open(bytes.NewReader(pcap(t, frames...)))
	if err != nil {
		t.Fatal(err)
	}
	var frame capture.Frame
	if n := testing.AllocsPerRun(2000, func() {
		if err := f.Next(&frame); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
