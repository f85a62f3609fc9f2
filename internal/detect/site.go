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
}

type held struct {
	role  Role
	hosts *prefixset.Set
}

// NewSite returns a site of the special-purpose registries' internal space (RFC 6890)
// and the networks given, whose hosts have the roles given.
func NewSite(networks []netip.Prefix, roles map[Role][]netip.Prefix) *Ours {
	o := &Ours{networks: prefixset.New(networks...)}
	for role := Monitoring; role <= Admin; role <<= 1 {
		if len(roles[role]) > 0 {
			o.roles = append(o.roles, held{role, prefixset.New(roles[role]...)})
		}
	}
	return o
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
