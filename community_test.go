package haechi_test

import (
	"net/netip"
	"testing"

	"haechi"
)

// The values are those that other programs give these flows.
func TestCommunityID(t *testing.T) {
	for _, c := range []struct {
		transport haechi.Transport
		from, to  string
		first     uint8
		want      string
	}{
		{haechi.TCP, "128.232.110.120:34855", "66.35.250.204:80", 2, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{haechi.TCP, "66.35.250.204:80", "128.232.110.120:34855", 18, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{haechi.UDP, "192.168.1.52:54585", "8.8.8.8:53", 0, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
		{haechi.TCP, "1.2.3.4:1122", "5.6.7.8:3344", 2, "1:wCb3OG7yAFWelaUydu0D+125CLM="},
		{haechi.UDP, "1.2.3.4:1122", "5.6.7.8:3344", 0, "1:0Mu9InQx6z4ZiCZM/7HXi2WMhOg="},
		{haechi.SCTP, "192.168.170.8:7", "192.168.170.56:80", 0, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="},
		{haechi.ICMP, "192.168.0.89:47", "192.168.0.1:0", 8, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
		{haechi.ICMP, "192.168.0.89:0", "192.168.0.1:0", 3, ""},
		{haechi.TCP, "192.168.0.89:1", "[2001:db8::1]:2", 2, ""},
		{haechi.OtherTransport, "192.168.0.89:1", "192.168.0.1:2", 0, ""},
	} {
		from, to := netip.MustParseAddrPort(c.from), netip.MustParseAddrPort(c.to)
		e := haechi.Event{Port: from.Port(), LocalPort: to.Port()}
		e.Addr, e.Target, e.Transport, e.First = from.Addr(), to.Addr(), c.transport, c.first
		if got := e.CommunityID(); got != c.want {
			t.Errorf("%s %s %s: %q, want %q", c.transport, c.from, c.to, got, c.want)
		}
	}
	var none haechi.Event
	if none.CommunityID() != "" {
		t.Error("an event without a flow has one")
	}
}
