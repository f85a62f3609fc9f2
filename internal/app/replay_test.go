package app_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/sys/unix"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/config"
	"haechi/internal/operate/replay"
)

// questions writes a capture of DNS questions, one every 200 ms.
func questions(t *testing.T, names []string, kind layers.DNSType) string {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if err := w.WriteFileHeader(65535, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	for i, name := range names {
		ip := &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{10, 0, 0, 7}, DstIP: net.IP{192, 0, 2, 53}}
		udp := &layers.UDP{SrcPort: layers.UDPPort(20000 + i), DstPort: 53}
		dns := &layers.DNS{ID: uint16(i), RD: true, QDCount: 1, Questions: []layers.DNSQuestion{{Name: []byte(name), Type: kind, Class: layers.DNSClassIN}}}
		out := gopacket.NewSerializeBuffer()
		eth := &layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: make(net.HardwareAddr, 6), EthernetType: layers.EthernetTypeIPv4}
		if err := gopacket.SerializeLayers(out, gopacket.SerializeOptions{FixLengths: true}, eth, ip, udp, dns); err != nil {
			t.Fatal(err)
		}
		at = at.Add(200 * time.Millisecond)
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(out.Bytes()), Length: len(out.Bytes())}, out.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "a.pcap")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func replayed(t *testing.T, path string) (text string, found []replay.Found) {
	t.Helper()
	r, err := app.NewReplay(config.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.File(t.Context(), path, nil, func(f *replay.Found) { found = append(found, *f) }, nil); err != nil {
		t.Fatal(err)
	}
	for i := range found {
		text += fmt.Sprintln(found[i].Incident, found[i].Time, found[i].Units, r.Sentence(&found[i].Finding, "ko"))
	}
	return text, found
}

// A tunnel in a capture is one incident, told while the capture is being read; the same
// capture says the same again.
func TestReplayOfACapture(t *testing.T) {
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("%08x%032x%08x.t.example.com", i*2654435761, i*40503, i))
	}
	path := questions(t, names, layers.DNSTypeTXT)
	text, found := replayed(t, path)
	if len(found) == 0 {
		t.Fatal("nothing was found")
	}
	for _, f := range found {
		if f.Detector != "dns_tunnel" || f.Incident != found[0].Incident || f.Addr.String() != "10.0.0.7" || f.Technique == "" {
			t.Errorf("%+v", f.Finding)
		}
	}
	if n := found[0].Units; n < 20 || n > 200 {
		t.Errorf("found after %d packets", n)
	}
	if again, _ := replayed(t, path); again != text {
		t.Errorf("another time:\n%s\nbefore:\n%s", again, text)
	}
}

// A capture that is cut while it is replayed ends in an error, and what came before counts.
func TestReplayOfACaptureThatIsCutMeanwhile(t *testing.T) {
	path := questions(t, slices.Repeat([]string{"www.example.com"}, 2000), layers.DNSTypeA)
	r, err := app.NewReplay(config.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	events := 0
	err = r.File(t.Context(), path, func(*haechi.Event) {
		if events++; events == 1 {
			if err := os.Truncate(path, 0); err != nil {
				t.Error(err)
			}
		}
	}, func(*replay.Found) {}, nil)
	if events == 0 || haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("%d events, then %v", events, err)
	}
}

// A pipe is read like the file.
func TestReplayOfAPipe(t *testing.T) {
	path := questions(t, slices.Repeat([]string{"www.example.com"}, 100), layers.DNSTypeA)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() { _ = os.WriteFile(pipe, whole, 0) }()
	r, err := app.NewReplay(config.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	events, read := [2]int{}, int64(0)
	for i, p := range []string{path, pipe} {
		read = 0
		if err := r.File(t.Context(), p, func(*haechi.Event) { events[i]++ }, func(*replay.Found) {}, func(n int64) { read += n }); err != nil {
			t.Fatal(err)
		}
	}
	if events[0] == 0 || events[0] != events[1] || read != int64(len(whole)) {
		t.Errorf("%v events, %d of %d bytes", events, read, len(whole))
	}
}

func TestReplayOfAnHonestCapture(t *testing.T) {
	var names []string
	for i := range 60 {
		names = append(names, fmt.Sprintf("host%d.example.com", i%7))
	}
	if _, found := replayed(t, questions(t, names, layers.DNSTypeA)); len(found) > 0 {
		t.Errorf("%+v", found)
	}
}

func TestReplayOfWhatIsNoCapture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(path, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := app.NewReplay(config.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	var e *haechi.Error
	if err := r.File(t.Context(), path, nil, nil, nil); err == nil {
		t.Error("it was replayed")
	} else if e, _ = err.(*haechi.Error); e == nil || e.Hint == "" {
		t.Error(err)
	}
}
