package shield_test

import (
	"strings"
	"testing"
	"time"

	"haechi/test/gateway"
)

// TestSimulationsAreFoundByTheGatewayThatRuns: scenarios on a link of their own are found
// by the sensor of the gateway beside them, honest traffic is not, and nothing stays.
func TestSimulationsAreFoundByTheGatewayThatRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ kernel: off }\nsensor: { interfaces: [haechi-sim] }")
	simulate := func(args ...string) gateway.Answer {
		return program.In(r.land.guarded.Enter()...).Run(t, append([]string{"simulate", "--wire"}, args...)...)
	}
	if a := simulate("page-loads"); a.Code != 1 || !strings.Contains(a.Err, "nobody listens there") {
		t.Fatalf("without a gateway: %+v", a)
	}
	r.run(program)
	r.proc.Troubled = true // it says that the link comes and goes
	for _, args := range [][]string{{"page-loads", "--for", "5s"}, {"port-scan"}, {"document-network", "--from", "31m", "--for", "12s"}} {
		if a := simulate(args...); a.Code != 0 {
			t.Fatalf("%v: %+v", args, a)
		}
		r.eventually("the link is gone", 5*time.Second, func() bool {
			return !strings.Contains(r.land.guarded.Run(t, "ip", "-o", "link"), "haechi-sim")
		})
	}
	for source, rule := range map[string]string{"198.51.100.23": "network/port-scan",
		"10.0.0.1": "network/port-scan", "203.0.113.50": "network/brute-force"} {
		r.eventually(source+" is told of", 10*time.Second, func() bool { return strings.Contains(r.haechi("why", source).Out, rule) })
	}
	// An honest visitor, and a host about which a sensor that has just begun can say nothing.
	for _, source := range []string{"198.51.100.30", "192.168.1.150"} {
		if a := r.haechi("why", source); strings.Contains(a.Out, "network/") {
			t.Errorf("%s: %s", source, a.Out)
		}
	}
}
