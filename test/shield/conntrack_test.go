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
	r.findsAScan(t, "the connection table is not read", 10*time.Second)
	r.eventually("status counts the flows, whose amounts are known", 5*time.Second, func() bool {
		a := r.haechi("status")
		return strings.Contains(a.Out, "conntrack_flows") && !strings.Contains(a.Out, "no amounts")
	})
}
