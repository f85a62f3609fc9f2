package app_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi/internal/app"
	"haechi/internal/operate/simulate"
)

const softflowd = "/usr/sbin/softflowd"

// freeUDP is an address of UDP that nobody listens on.
func freeUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// played writes the capture of a scenario that began ten minutes ago.
func played(t *testing.T, name string) string {
	t.Helper()
	s, ok := simulate.Find(name)
	if !ok {
		t.Fatal("no scenario " + name)
	}
	path := filepath.Join(t.TempDir(), name+".pcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(f, simulate.Config{Seed: 1, Start: time.Now().Add(-10 * time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// export lets softflowd make flows of a capture and send them.
func export(t *testing.T, version, path, to string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, softflowd, "-r", path, "-n", to, "-v", version, "-d", "-6", "-m", "100000",
		"-p", filepath.Join(t.TempDir(), "pid"), "-c", "none").CombinedOutput() // it waits for ever with a control socket
	if err != nil {
		t.Fatalf("softflowd: %v\n%s", err, out)
	}
}

func countOf(t *testing.T, a *app.App, name string) uint64 {
	t.Helper()
	s, err := a.Control().Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Counters {
		if c.Name == name {
			return c.Value
		}
	}
	t.Fatal("no counter " + name)
	return 0
}

// heard waits until the socket for flows is open.
func heard(t *testing.T, a *app.App, to, name string) {
	t.Helper()
	c, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	until(t, "flows are read", func() bool {
		_, _ = c.Write([]byte{0}) // refused until then
		return countOf(t, a, name+"_broken") > 0
	})
}

// A scan of a capture is found by what a real exporter tells of it, in each version, as
// it is found in the capture; the honest office beside it is not.
func TestRoutersTellOfAScan(t *testing.T) {
	if _, err := os.Stat(softflowd); err != nil {
		t.Skip("softflowd is not installed: test/install.sh installs it")
	}
	for _, version := range []string{"5", "9", "10"} {
		t.Run(version, func(t *testing.T) {
			r, to := newRig(t), freeUDP(t)
			r.write(t, fmt.Sprintf("sensor: { netflow: { listen: %q, exporters: [127.0.0.1] } }\n", to))
			a, _ := r.start(t)
			heard(t, a, to, "netflow")
			var want []string
			for _, name := range []string{"office", "port-scan", "host-scan"} {
				path := played(t, name)
				_, found := replayed(t, path)
				for i := range found {
					want = append(want, found[i].Detector+" "+found[i].Addr.String())
				}
				export(t, version, path, to)
			}
			slices.Sort(want)
			want = slices.Compact(want)
			for range 1200 { // six times as long as a record waits for the other direction
				if slices.Equal(parties(t, a), want) {
					break
				}
				<-time.After(50 * time.Millisecond)
			}
			if got := parties(t, a); len(want) != 2 || !slices.Equal(got, want) || countOf(t, a, "netflow_without_template") > 0 {
				t.Errorf("found %q, in the capture %q", got, want)
			}
		})
	}
}

const pmacctd = "/usr/sbin/pmacctd"

// switched lets pmacctd sample a capture, as a switch does, and send that as sFlow.
func switched(t *testing.T, rate int, path, to string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conf := filepath.Join(t.TempDir(), "pmacctd.conf")
	text := fmt.Sprintf("daemonize: false\npcap_savefile: %s\nplugins: sfprobe\nsfprobe_receiver: %s\nsfprobe_agentip: 127.0.0.1\nsampling_rate: %d\n", path, to, rate)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// At the end of the capture it ends its plugin, and then says so or, where that was
	// quicker, that it has lost it.
	out, err := exec.CommandContext(ctx, pmacctd, "-f", conf).CombinedOutput()
	if err != nil && !strings.Contains(string(out), "Shutting down on user request") {
		t.Fatalf("pmacctd: %v\n%s", err, out)
	}
}

// What a real agent of sFlow samples of attacks is found: of every packet what is found in
// the capture, of one in many what a sample can show. Pages that are loaded are no attack.
func TestSwitchesSampleAttacks(t *testing.T) {
	if _, err := os.Stat(pmacctd); err != nil {
		t.Skip("pmacctd is not installed: test/install.sh installs it")
	}
	r, to := newRig(t), freeUDP(t)
	r.write(t, fmt.Sprintf("sensor: { sflow: { listen: %q, exporters: [127.0.0.1] } }\n", to))
	a, _ := r.start(t)
	heard(t, a, to, "sflow")
	var want []string
	for _, c := range []struct {
		name string
		rate int
	}{{"page-loads", 1}, {"port-scan", 1}, {"page-loads", 20}, {"udp-flood", 50}} {
		path := played(t, c.name)
		_, found := replayed(t, path)
		for i := range found {
			want = append(want, found[i].Detector+" "+found[i].Addr.String())
		}
		switched(t, c.rate, path, to)
	}
	slices.Sort(want)
	want = slices.Compact(want)
	for range 600 { // three times as long as samples are collected
		if slices.Equal(parties(t, a), want) {
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	if got := parties(t, a); len(want) != 2 || !slices.Equal(got, want) || countOf(t, a, "sflow_samples") == 0 {
		t.Errorf("found %q, in the captures %q", got, want)
	}
}

// parties are who did what, each once.
func parties(t *testing.T, a *app.App) (out []string) {
	t.Helper()
	found, err := a.Control().Findings(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		out = append(out, found[i].Detector+" "+found[i].Addr.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}
