package baseline

import (
	"net/netip"

	"haechi"
	"haechi/internal/brick/lru"
)

// who is a device, a service or a host, in as little as that takes: there are thousands.
type who struct {
	name string   // of the device or the service
	addr [16]byte // of the host's client key
	bits uint8
	kind haechi.ScopeKind // device, service or address
}

// host is who has the client key.
func host(client netip.Prefix) who {
	return who{kind: haechi.ScopeAddress, addr: client.Addr().As16(), bits: uint8(client.Bits())}
}

func (k who) hash(h lru.Hash) lru.Hash {
	return h.Addr(netip.AddrFrom16(k.addr)).Number(uint64(k.bits)<<8 | uint64(k.kind)).Text(k.name)
}

func (k who) device() string {
	if k.kind == haechi.ScopeDevice {
		return k.name
	}
	return ""
}

func (k who) service() string {
	if k.kind == haechi.ScopeService {
		return k.name
	}
	return ""
}

// client is a host's client key; the zero one of everybody else.
func (k who) client() netip.Prefix {
	if k.kind != haechi.ScopeAddress {
		return netip.Prefix{}
	}
	p, _ := netip.AddrFrom16(k.addr).Unmap().Prefix(int(k.bits)) // the length is that of a prefix of its own
	return p
}

func (k who) scope() haechi.Scope {
	return haechi.Scope{Kind: k.kind, Value: k.name, Prefix: k.client()}
}
