package detect

import (
	"net/netip"

	"haechi/internal/brick/prefixset"
	"haechi/internal/brick/special"
)

// Ours is a Site as the operator describes it.
type Ours struct {
	networks *prefixset.Set
	roles    []held
	listed   func(netip.Addr) bool
}

type held struct {
	role  Role
	hosts *prefixset.Set
}

// NewSite returns a site of the special-purpose registries' internal space (RFC 6890)
// and the networks given, whose hosts have the roles given. Nobody is listed.
func NewSite(networks []netip.Prefix, roles map[Role][]netip.Prefix) *Ours {
	o := &Ours{networks: prefixset.New(networks...), listed: func(netip.Addr) bool { return false }}
	for role := Monitoring; role <= Admin; role <<= 1 {
		if len(roles[role]) > 0 {
			o.roles = append(o.roles, held{role, prefixset.New(roles[role]...)})
		}
	}
	return o
}

// Knowing is the same site with somebody who says which addresses are listed.
func (o *Ours) Knowing(listed func(netip.Addr) bool) *Ours {
	next := *o
	next.listed = listed
	return &next
}

// Internal implements [Site].
func (o *Ours) Internal(a netip.Addr) bool { return special.Internal(a) || o.networks.Contains(a) }

// Role implements [Site].
func (o *Ours) Role(a netip.Addr) (all Role) {
	for i := range o.roles {
		if o.roles[i].hosts.Contains(a) {
			all |= o.roles[i].role
		}
	}
	return all
}

// Listed implements [Site].
func (o *Ours) Listed(a netip.Addr) bool { return o.listed(a) }
