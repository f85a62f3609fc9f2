package haechi

import (
	"crypto/sha1" // the specification's; it names flows and protects nothing
	"encoding/base64"
	"encoding/binary"
	"net/netip"
)

// CommunityID is the name that Zeek, Suricata and others give to the event's flow
// (Community ID version 1, seed 0), so that it can be found in their logs. It is empty for
// events without two addresses and for transports that it is not defined for here.
func (e *Event) CommunityID() string {
	src, dst := e.Addr.Unmap(), e.Target.Unmap()
	from, to := e.Port, e.LocalPort
	var proto byte
	switch e.Transport {
	case TCP:
		proto = 6
	case UDP:
		proto = 17
	case SCTP:
		proto = 132
	case ICMP:
		if proto = 1; e.First != 8 {
			return ""
		}
		from, to = 8, 0 // an echo, and its answer
	case ICMPv6:
		if proto = 58; e.First != 128 {
			return ""
		}
		from, to = 128, 129
	default:
		return ""
	}
	if !src.IsValid() || !dst.IsValid() || src.Is4() != dst.Is4() {
		return ""
	}
	if netip.AddrPortFrom(dst, to).Compare(netip.AddrPortFrom(src, from)) < 0 {
		src, dst, from, to = dst, src, to, from
	}
	b := append(append(make([]byte, 2, 40), src.AsSlice()...), dst.AsSlice()...)
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(append(b, proto, 0), from), to)
	sum := sha1.Sum(b)
	return "1:" + base64.StdEncoding.EncodeToString(sum[:])
}
