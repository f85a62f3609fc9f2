package shield_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestAScanIsSeenInTheConnectionTable: no packet is read; what the kernel's own table
// forgets is enough, through a shield that opens the socket for a gateway without rights.
func TestAScanIsSeenInTheConnectionTable(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("nmap"); err != nil {
		t.Skip("nmap is not installed: test/install.sh installs it")
	}
	r := newRig(t, "{ kernel: auto, socket: DIR/run/shield.sock }\nsensor: { conntrack: true }")
	r.land.guarded.Run(t, "nft", "add table inet ours; add chain inet ours in { type filter hook input priority 0; }; add rule inet ours in ct state invalid drop")
	r.land.guarded.Set(t, "net/netfilter/nf_conntrack_acct", "1")
	r.land.guarded.Set(t, "net/netfilter/nf_conntrack_timestamp", "1")
	r.land.strangers.Run(t, "ip", "addr", "add", "10.77.0.66/24", "dev", "out0")
	r.run(powerless(t, r))
	r.proc.Troubled = true // it says that there is no shield
	r.eventually("status says that nothing is seen", 10*time.Second, func() bool {
		return strings.Contains(r.haechi("status").Out, "the connection table is not read")
	})
	r.shield()
	r.eventually("the table is read", 15*time.Second, func() bool {
		return !strings.Contains(r.haechi("status").Out, "the connection table is not read")
	})
	r.land.strangers.Run(t, "nmap", "-n", "-Pn", "-sS", "-S", "10.77.0.66", "-e", "out0", "-p", "8000-8300", "--max-retries", "1", "10.77.0.1")
	r.eventually("the scan is told of", 10*time.Second, func() bool {
		return strings.Contains(r.haechi("why", "10.77.0.66").Out, "network/port-scan")
	})
	r.eventually("status counts the flows, whose amounts are known", 5*time.Second, func() bool {
		a := r.haechi("status")
		return strings.Contains(a.Out, "conntrack_flows") && !strings.Contains(a.Out, "no amounts")
	})
}
