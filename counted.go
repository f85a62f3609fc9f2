package haechi

// What an event of kind counted is about: its Type. The kernel counts for the whole
// machine (Count, IPv4 and IPv6 together), but for an interface, whose name is Name and
// whose amounts are BytesIn, PacketsIn (received), BytesOut and PacketsOut (sent). Names in
// parentheses are those of /proc/net/snmp and /proc/net/netstat. What was read at once has
// one Time, and ends with CountedAll.
const (
	CountedAll              = "all"
	CountedInterface        = "interface"
	CountedTCPAccepted      = "tcp_accepted"      // handshakes completed by clients (PassiveOpens)
	CountedTCPDialed        = "tcp_dialed"        // connections begun by this machine (ActiveOpens)
	CountedSYNRepeated      = "syn_repeated"      // SYNs and SYN-ACKs sent again, since nobody answered (TCPSynRetrans)
	CountedSYNDropped       = "syn_dropped"       // SYNs refused: the queue was full and cookies are off (TCPReqQFullDrop)
	CountedCookiesSent      = "syn_cookies_sent"  // SYNs answered by a cookie (SyncookiesSent)
	CountedCookiesValid     = "syn_cookies_valid" // handshakes completed with one (SyncookiesRecv)
	CountedListenOverflows  = "listen_overflows"  // handshakes that no program took in time (ListenOverflows)
	CountedUDPReceived      = "udp_received"      // datagrams given to a program (InDatagrams)
	CountedUDPClosed        = "udp_closed"        // datagrams to a port that nobody has (NoPorts)
	CountedUDPOverrun       = "udp_overrun"       // datagrams that a program did not take in time (RcvbufErrors, MemErrors)
	CountedEchoRequests     = "echo_requests"     // pings received (InEchos)
	CountedEchoReplies      = "echo_replies"      // answers to pings received (InEchoReps)
	CountedEchoSent         = "echo_sent"         // pings sent (OutEchos)
	CountedFragments        = "fragments"         // fragments received (ReasmReqds)
	CountedReassembled      = "reassembled"       // packets put together (ReasmOKs)
	CountedReassemblyFailed = "reassembly_failed" // packets that could not be (ReasmFails)
	CountedReassemblyLate   = "reassembly_late"   // of those: a fragment did not come (ReasmTimeout)
	CountedOverlaps         = "fragments_overlap" // fragments that overlap others (ReasmOverlaps)
)
