package main

import "math"

// tellSensor is about the network sensor beside softflowd and nDPI's reader. What a peer
// that is not there did is not in it, nor are its gates.
func tellSensor(rep *page, n numbers) {
	rate := func(who string) float64 {
		if len(n["BenchmarkPackets Mpps-"+who]) == 0 {
			return math.NaN()
		}
		return n.median("BenchmarkPackets", "Mpps-"+who)
	}
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
			if r := rate(what) / rate(peer.name); !math.IsNaN(r) {
				rep.gate("packets of a capture, "+what+": for one of "+peer.name, r, atLeast, peer.times)
			}
		}
	}
}
