package simulate

import (
	"net/netip"
	"time"
)

// probes are scans, and what comes behind them.
func probes() []Scenario {
	return []Scenario{
		{"port-scan", "B90", one("port_scan", "198.51.100.23", "192.168.1.200"), portScan},
		{"host-scan", "F82", one("port_scan", "192.168.1.66", ""), hostScan},
		{"lateral-movement", "B93", one("lateral_movement", "192.168.1.150", ""), func(s *stage) {
			for i := range 3 {
				s.remote(time.Duration(i)*40*time.Second, address("192.168.1.150"), netip.AddrPortFrom(host("192.168.1.210", i), 5985))
			}
		}},
	}
}

// knock is one port of a SYN scan: an open one answers and is reset.
func (s *stage) knock(at time.Duration, from netip.Addr, to netip.AddrPort, open bool) {
	if !open {
		s.refused(at, from, to)
		return
	}
	c := s.call(at, from, to)
	c.begin()
	c.up(rst, nil, 0)
}

// portScan tries 200 ports of one host, of which two are open.
func portScan(s *stage) {
	for port := range uint16(200) {
		to := netip.AddrPortFrom(address("192.168.1.200"), port+1)
		s.knock(time.Duration(port)*20*time.Millisecond, address("198.51.100.23"), to, to.Port() == 22 || to.Port() == 80)
	}
}

// hostScan tries one port of 120 hosts, most of which are not there and say nothing.
func hostScan(s *stage) {
	for i := range 120 {
		to := netip.AddrPortFrom(host("192.168.1.100", i), 445)
		at := time.Duration(i) * 100 * time.Millisecond
		if i%20 == 7 {
			s.knock(at, address("192.168.1.66"), to, false)
			continue
		}
		c := s.call(at, address("192.168.1.66"), to)
		c.up(syn, nil, 0)
	}
}
