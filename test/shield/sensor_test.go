package shield_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	_ "github.com/gopacket/gopacket/layers" // the decoders of what a capture holds
	"github.com/gopacket/gopacket/pcapgo"
)

// TestGatewayWithoutRightsSensesThroughTheShield: the gateway runs as nobody, with no
// right at all, reads packets from the socket that the shield has opened, and says within
// seconds who scans; status says what it does not see while there is no shield.
func TestGatewayWithoutRightsSensesThroughTheShield(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("nmap"); err != nil {
		t.Skip("nmap is not installed: test/install.sh installs it")
	}
	r := newRig(t, "{ kernel: auto, socket: DIR/run/shield.sock }\nsensor: { interfaces: [in0] }")
	r.findsAScan(t, "the sensor does not see in0", 5*time.Second)
	if a := r.haechi("status"); !strings.Contains(a.Out, "sensor_packets") {
		t.Errorf("status: %s", a.Out)
	}
	r.closeup(t, "10.77.0.66")
}

// findsAScan runs the gateway without rights, which says what it does not see until there is a
// shield, and is told of a scan in time then.
func (r *rig) findsAScan(t *testing.T, blind string, within time.Duration) {
	t.Helper()
	r.land.strangers.Run(t, "ip", "addr", "add", "10.77.0.66/24", "dev", "out0")
	r.run(powerless(t, r))
	r.proc.Troubled = true // it says that there is no shield
	r.eventually("status says that nothing is seen", 10*time.Second, func() bool { return strings.Contains(r.haechi("status").Out, blind) })
	r.shield()
	r.eventually("it is seen", 15*time.Second, func() bool { return !strings.Contains(r.haechi("status").Out, blind) })
	r.land.strangers.Run(t, "nmap", "-n", "-Pn", "-sS", "-S", "10.77.0.66", "-e", "out0", "-p", "8000-8300", "--max-retries", "1", "10.77.0.1")
	r.eventually("the scan is told of", within, func() bool { return strings.Contains(r.haechi("why", "10.77.0.66").Out, "network/port-scan") })
}

// closeup wants the packets that a scanner sends from now on to be kept, and nobody else's.
func (r *rig) closeup(t *testing.T, scanner string) {
	t.Helper()
	r.land.strangers.Run(t, "nmap", "-n", "-Pn", "-sS", "-S", scanner, "-e", "out0", "-p", "9000-9020", "--max-retries", "1", "10.77.0.1")
	file := filepath.Join(t.TempDir(), "scan.pcap")
	r.eventually("the scanner's packets are kept", 10*time.Second, func() bool {
		_ = os.Remove(file)
		a := r.haechi("packets", scanner, "--out", file, "--reason", "what did it find")
		return a.Code == 0 && len(portsIn(t, file, scanner)) >= 21
	})
	if a := r.haechi("packets"); !strings.Contains(a.Out, "ip:"+scanner) {
		t.Errorf("the list: %s", a.Out)
	}
	if a := r.haechi("audit"); !strings.Contains(a.Out, "packets.read") {
		t.Errorf("the audit trail: %s", a.Out)
	}
	if a := r.haechi("packets", "10.77.0.1", "--out", file+"2"); a.Code == 0 {
		t.Errorf("of a host that no incident is about: %s", a.Out)
	}
}

// portsIn reads a capture in which a host has to be at one end of every packet, and returns the
// ports of 9000 to 9020 that it asked for.
func portsIn(t *testing.T, file, host string) map[string]bool {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	ports := map[string]bool{}
	for p := range gopacket.NewPacketSource(in, in.LinkType()).Packets() {
		ends := p.NetworkLayer().NetworkFlow()
		if src := ends.Src().String(); src != host && ends.Dst().String() != host {
			t.Errorf("a packet of %v", ends)
		} else if port := p.TransportLayer().TransportFlow().Dst().String(); src == host && strings.HasPrefix(port, "90") {
			ports[port] = true
		}
	}
	return ports
}
