package procnet

import "haechi"

// A counter is one kind of what the kernel counts for the whole machine.
const (
	accepted = iota
	dialed
	synRepeated
	synDropped
	cookiesSent
	cookiesValid
	listenOverflows
	udpReceived
	udpClosed
	udpOverrun
	echoRequests
	echoReplies
	echoSent
	fragments
	reassembled
	reassemblyFailed
	reassemblyLate
	overlaps
	counters
)

// types are the Types of the events, by counter.
func types() [counters]string {
	return [counters]string{haechi.CountedTCPAccepted, haechi.CountedTCPDialed, haechi.CountedSYNRepeated, haechi.CountedSYNDropped,
		haechi.CountedCookiesSent, haechi.CountedCookiesValid, haechi.CountedListenOverflows,
		haechi.CountedUDPReceived, haechi.CountedUDPClosed, haechi.CountedUDPOverrun,
		haechi.CountedEchoRequests, haechi.CountedEchoReplies, haechi.CountedEchoSent,
		haechi.CountedFragments, haechi.CountedReassembled, haechi.CountedReassemblyFailed, haechi.CountedReassemblyLate, haechi.CountedOverlaps}
}

// totals are what the counters stand at.
type totals [counters]uint64

// four takes a number of IPv4, or of TCP, which both families share.
func (t *totals) four(proto, name []byte, v uint64) {
	if i, ok := counterOf(string(proto), string(name)); ok {
		t[i] += v
	}
}

func counterOf(proto, name string) (int, bool) {
	switch proto {
	case "Tcp", "TcpExt":
		return ofTCP(name)
	case "Udp":
		return ofUDP(name)
	case "Icmp":
		return ofICMP(name)
	case "Ip", "IpExt":
		return ofIP(name)
	}
	return 0, false
}

func ofTCP(name string) (int, bool) {
	switch name {
	case "PassiveOpens":
		return accepted, true
	case "ActiveOpens":
		return dialed, true
	case "TCPSynRetrans":
		return synRepeated, true
	case "TCPReqQFullDrop":
		return synDropped, true
	case "SyncookiesSent":
		return cookiesSent, true
	case "SyncookiesRecv":
		return cookiesValid, true
	case "ListenOverflows":
		return listenOverflows, true
	}
	return 0, false
}

func ofUDP(name string) (int, bool) {
	switch name {
	case "InDatagrams":
		return udpReceived, true
	case "NoPorts":
		return udpClosed, true
	case "RcvbufErrors", "MemErrors":
		return udpOverrun, true
	}
	return 0, false
}

func ofICMP(name string) (int, bool) {
	switch name {
	case "InEchos":
		return echoRequests, true
	case "InEchoReps":
		return echoReplies, true
	case "OutEchos":
		return echoSent, true
	}
	return 0, false
}

func ofIP(name string) (int, bool) {
	switch name {
	case "ReasmReqds":
		return fragments, true
	case "ReasmOKs":
		return reassembled, true
	case "ReasmFails":
		return reassemblyFailed, true
	case "ReasmTimeout":
		return reassemblyLate, true
	case "ReasmOverlaps":
		return overlaps, true
	}
	return 0, false
}

// six takes a number of IPv6. Its names begin with the protocol and are otherwise those of
// IPv4, but for answers to pings.
func (t *totals) six(name []byte, v uint64) {
	i, ok := 0, false
	switch s := string(name); {
	case s == "Icmp6InEchoReplies":
		i, ok = echoReplies, true
	case len(s) > 4 && s[:4] == "Udp6":
		i, ok = ofUDP(s[4:])
	case len(s) > 5 && s[:5] == "Icmp6":
		i, ok = ofICMP(s[5:])
	case len(s) > 3 && s[:3] == "Ip6":
		i, ok = ofIP(s[3:])
	}
	if ok {
		t[i] += v
	}
}
