package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/internal/config"
	"haechi/internal/operate/replay"
	"haechi/internal/sensor/capture"
	"haechi/internal/sensor/flow"
)

// lan is an attacker and a server with services, each in a namespace of its own.
type lan struct {
	attacker, server *netnstest.NS
	site             []netip.Prefix // what is ours beside private networks
}

const serverAddr = "192.0.2.1"

func newLan(t *testing.T) *lan {
	t.Helper()
	if _, err := exec.LookPath("nmap"); err != nil {
		t.Skip("nmap is not installed: test/install.sh installs it")
	}
	l := &lan{attacker: netnstest.New(t), server: netnstest.New(t)}
	netnstest.Link(t, netnstest.End{NS: l.attacker, Name: "a0", Addrs: []string{"192.0.2.7/24"}},
		netnstest.End{NS: l.server, Name: "s0", Addrs: []string{serverAddr + "/24"}})
	for _, port := range []string{"22", "80", "443"} {
		err := l.server.Do(func() error {
			in, err := net.Listen("tcp", net.JoinHostPort(serverAddr, port))
			if err == nil {
				t.Cleanup(func() { _ = in.Close() })
				go greet(in)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func greet(in net.Listener) {
	for {
		c, err := in.Accept()
		if err != nil {
			return
		}
		_, _ = c.Write([]byte("hello\r\n"))
		_ = c.Close()
	}
}

func (l *lan) socket(context.Context, string) (f *os.File, err error) {
	err = l.server.Do(func() (err error) {
		f, err = capture.OpenSocket("s0")
		return err
	})
	return f, err
}

// recorder writes what the sensor reads to a file.
type recorder struct {
	*capture.Live
	path string
	file *os.File
	to   *pcapgo.Writer
	last int64
	err  error
}

func (l *lan) record(t *testing.T) *recorder {
	t.Helper()
	f, err := l.socket(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{path: filepath.Join(t.TempDir(), "a.pcap")}
	if r.Live, err = capture.NewLive(f); err != nil {
		t.Fatal(err)
	}
	if r.file, err = os.Create(r.path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.file.Close() })
	r.to = pcapgo.NewWriterNanos(r.file)
	r.err = r.to.WriteFileHeader(1<<18, layers.LinkTypeEthernet)
	return r
}

func (r *recorder) next(f *capture.Frame) bool {
	if !r.Next(f) {
		return false
	}
	r.last = f.Time
	info := gopacket.CaptureInfo{Timestamp: time.Unix(0, f.Time), CaptureLength: len(f.Bytes), Length: f.Wire}
	r.err = errors.Join(r.err, r.to.WritePacket(info, f.Bytes))
	return true
}

// finds collects findings of two goroutines
type finds struct {
	mu  sync.Mutex
	all []haechi.Finding
	at  []time.Time
}

func (f *finds) find(x *haechi.Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all, f.at = append(f.all, *x), append(f.at, time.Now())
}

// text is what was found before a moment, as JSON. What is found at the last packet itself
// is left out: a file ends there, and the wire a little later.
func (f *finds) text(t *testing.T, until int64) string {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for i := range f.all {
		if f.all[i].Time.UnixNano() >= until {
			continue
		}
		b, err := json.Marshal(&f.all[i])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return strings.Join(out, "\n")
}

func (f *finds) has(detector string) (haechi.Finding, time.Time, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.all, func(x haechi.Finding) bool { return x.Detector == detector })
	if i < 0 {
		return haechi.Finding{}, time.Time{}, false
	}
	return f.all[i], f.at[i], true
}

// sense runs the live sensor beside what it senses, and returns once that is over and
// the packets of it have been read.
func (l *lan) sense(t *testing.T, r *recorder, do func()) *finds {
	t.Helper()
	cfg := config.Defaults()
	cfg.Site.Networks = l.site
	set, err := loadRules(cfg)
	if err != nil {
		t.Fatal(err)
	}
	out := &finds{}
	w := &wire{open: l.socket, now: time.Now, log: slog.New(slog.DiscardHandler), fence: fence{log: slog.New(slog.DiscardHandler)}, taps: []*wiretap{{name: "s0", live: r.Live, next: r.next}}}
	w.watch(flow.Config{V6Bits: cfg.Client.IPv6Prefix}, out.find)
	w.swap(newScreened(func(netip.Addr) bool { return false }, networkDetectors(set, networkSite(&cfg.Site))))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.run(ctx) }()
	do()
	before := w.frames()
	for range 100 { // until nothing comes for two hand-overs of the ring
		<-time.After(250 * time.Millisecond)
		if n := w.frames(); n == before {
			break
		} else {
			before = n
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if why := w.degraded(); len(why) > 0 {
		t.Error(why)
	}
	for _, c := range w.counters() {
		if (c.Name == "sensor_dropped" || c.Name == "sensor_failed") && c.Value > 0 {
			t.Errorf("%+v", w.counters())
		}
	}
	return out
}

func (w *wire) frames() uint64 {
	for _, c := range w.counters() {
		if c.Name == "sensor_packets" {
			return c.Value
		}
	}
	return 0
}

// A scan by nmap is found while it goes on; what was recorded meanwhile gives the same
// findings, byte for byte.
func TestScansOfNmapAreFoundOnTheWire(t *testing.T) {
	for name, args := range map[string][]string{
		"connect": {"-sT", "-p", "1-400", "--max-retries", "1"},
		"SYN":     {"-sS", "-p", "1-400", "--max-retries", "1"},
		"UDP":     {"-sU", "-p", "1000-1100", "--max-retries", "0", "--min-rate", "100"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLan(t)
			r := l.record(t)
			began := time.Now()
			live := l.sense(t, r, func() {
				l.attacker.Run(t, "nmap", append(args, "-n", "-Pn", serverAddr)...)
			})
			if r.err != nil {
				t.Fatal(r.err)
			}
			f, at, ok := live.has("port_scan")
			if !ok || f.Addr != netip.MustParseAddr("192.0.2.7") {
				t.Fatalf("found %s", live.text(t, 1<<62))
			}
			if d := at.Sub(began); d > 10*time.Second {
				t.Errorf("found after %v", d)
			}
			again := replayOf(t, r.path)
			if a, b := live.text(t, r.last), again.text(t, r.last); a != b {
				t.Errorf("on the wire:\n%s\nof the recording:\n%s", a, b)
			}
		})
	}
}

func replayOf(t *testing.T, path string, site ...netip.Prefix) *finds {
	t.Helper()
	cfg := config.Defaults()
	cfg.Site.Networks = site
	r, err := NewReplay(cfg)
	if err != nil {
		t.Fatal(err)
	}
	out := &finds{}
	if err := r.File(t.Context(), path, nil, func(f *replay.Found) { out.find(&f.Finding) }, nil); err != nil {
		t.Fatal(err)
	}
	return out
}

// Honest clients are not found.
func TestHonestClientsAreNotFoundOnTheWire(t *testing.T) {
	l := newLan(t)
	live := l.sense(t, l.record(t), func() {
		for range 30 {
			err := l.attacker.Do(func() error {
				c, err := net.Dial("tcp", serverAddr+":80")
				if err != nil {
					return err
				}
				_, err = c.Read(make([]byte, 16))
				return errors.Join(err, c.Close())
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	if text := live.text(t, 1<<62); text != "" {
		t.Error(text)
	}
}

// A sensor whose interface is not there says so, and goes on.
func TestSensorWithoutItsInterface(t *testing.T) {
	w := &wire{now: time.Now, log: slog.New(slog.DiscardHandler), fence: fence{log: slog.New(slog.DiscardHandler)}, taps: []*wiretap{{name: "s0"}},
		open: func(context.Context, string) (*os.File, error) { return capture.OpenSocket("no-such-if") }}
	w.watch(flow.Config{Flows: 4096}, func(*haechi.Finding) {})
	ctx, stop := context.WithCancel(t.Context())
	w.reopen(ctx)
	stop()
	if err := w.run(ctx); err != nil {
		t.Fatal(err)
	}
	if why := w.degraded(); len(why) != 1 || !strings.Contains(why[0], "no-such-if") || !strings.Contains(why[0], "ip link") {
		t.Errorf("%q", why)
	}
}
