package main

import "math"

// tellSensor is about the network sensor beside its peers. What a peer that is not there
// did is not in it, nor are its gates.
func tellSensor(rep *page, n numbers) {
	tellPackets(rep, n)
	tellLines(rep, n)
	tellStrangers(rep, n)
}

// perhaps is a number that there may be.
func (n numbers) perhaps(name, unit string) float64 {
	if len(n[name+" "+unit]) == 0 {
		return math.NaN()
	}
	return n.median(name, unit)
}

// ratio is a gate if both ran.
func (p *page) ratio(what string, got, want float64) {
	if !math.IsNaN(got) {
		p.gate(what, got, atLeast, want)
	}
}

func tellPackets(rep *page, n numbers) {
	rate := func(who string) float64 { return n.perhaps("BenchmarkPackets", "Mpps-"+who) }
	rep.line("\n## Packets of a capture\n")
	rep.line("| who | M packets for each second of processor | times softflowd | times nDPI's reader |\n|---|---:|---:|---:|")
	for _, c := range [][2]string{{"decode", "haechi, decode"}, {"flows", "haechi, decode and flow table"}, {"detectors", "haechi replay: conversations and all detectors"},
		{"softflowd", "softflowd, exports NetFlow 9"}, {"ndpiReader", "nDPI's reader, tells protocols"}} {
		rep.line("| %s | %.2f | %.2f | %.2f |", c[1], rate(c[0]), rate(c[0])/rate("softflowd"), rate(c[0])/rate("ndpiReader"))
	}
	rep.line("\nA million packets (630 MB, 32,600 flows, a seventh of them IPv6) that `bench/sensor` makes, read from a file that is in\n" +
		"memory; medians of 5 interleaved rounds; user and system time of each process.")
	for _, peer := range []struct {
		name  string
		times float64
	}{{"softflowd", 8}, {"ndpiReader", 15}} {
		for _, what := range []string{"decode", "flows", "detectors"} {
			rep.ratio("packets of a capture, "+what+": for one of "+peer.name, rate(what)/rate(peer.name), peer.times)
		}
	}
}

func tellLines(rep *page, n numbers) {
	rate := func(who string) float64 { return n.perhaps("BenchmarkLines", "klines/s-"+who) }
	rep.line("\n## Lines of a log\n")
	rep.line("| who | thousand lines for each second of processor | times fail2ban | times CrowdSec |\n|---|---:|---:|---:|")
	for _, c := range [][2]string{{"haechi", "haechi replay: patterns in YAML, all detectors"}, {"fail2ban", "fail2ban-regex with its filter for sshd"},
		{"crowdsec", "CrowdSec: parsers, two scenarios, alerts"}} {
		rep.line("| %s | %.1f | %.1f | %.1f |", c[1], rate(c[0]), rate(c[0])/rate("fail2ban"), rate(c[0])/rate("crowdsec"))
	}
	rep.line("\nA log of sshd in the form of syslog, seven of ten lines about logins, mostly guessing from a thousand addresses, that\n" +
		"`bench/sensor` makes: two million lines for haechi, the first 100,000 for fail2ban, the first 40,000 for CrowdSec; medians\n" +
		"of 3 interleaved rounds; user and system time of each process. The patterns of all three are\n" +
		"files that an operator may change.")
	rep.ratio("lines of a log for one of fail2ban", rate("haechi")/rate("fail2ban"), 100)
	rep.ratio("lines of a log for one of CrowdSec", rate("haechi")/rate("crowdsec"), 500)
}

func tellStrangers(rep *page, n numbers) {
	v := func(unit string) float64 { return n.perhaps("BenchmarkStrangers", unit) }
	rep.line("\n## Ten million sources, each with a flow of its own\n")
	rep.line("Half of them in IPv6, a SYN each, past 1,000 idle connections, through the flow table and all detectors of `haechi\n"+
		"replay`: the heap that a collection leaves is %.1f MiB after the first million and never above %.1f, of %.0f that are\n"+
		"allowed; %.0f of the idle connections are forgotten, and %.0f ns go into a flow.", v("MiB-heap-1M"), v("MiB-heap"), v("MiB-cap"), v("honest-lost"), v("ns/flow"))
	rep.gate("heap of the sensor after 10000000 flows of as many sources, MiB", v("MiB-heap"), atMost, v("MiB-cap"))
	rep.gate("idle honest connections that it forgot", v("honest-lost"), atMost, 0)
}
