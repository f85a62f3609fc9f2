package shield_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"
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
	r.land.strangers.Run(t, "ip", "addr", "add", "10.77.0.66/24", "dev", "out0")
	r.run(powerless(t, r))
	r.proc.Troubled = true // it says that there is no shield
	r.eventually("status says that nothing is seen", 10*time.Second, func() bool {
		return strings.Contains(r.haechi("status").Out, "the sensor does not see in0")
	})
	r.shield()
	r.eventually("the interface is seen", 15*time.Second, func() bool {
		return !strings.Contains(r.haechi("status").Out, "the sensor does not see")
	})
	r.land.strangers.Run(t, "nmap", "-n", "-Pn", "-sS", "-S", "10.77.0.66", "-e", "out0", "-p", "8000-8300", "--max-retries", "1", "10.77.0.1")
	r.eventually("the scan is told of", 5*time.Second, func() bool {
		a := r.haechi("why", "10.77.0.66")
		return strings.Contains(a.Out, "network/port-scan")
	})
	if a := r.haechi("status"); !strings.Contains(a.Out, "sensor_packets") {
		t.Errorf("status: %s", a.Out)
	}
}
