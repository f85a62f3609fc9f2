package pipeline

import (
	"hash/maphash"

	"haechi"
)

// router sends each actor to one shard.
type router struct {
	seed   maphash.Seed
	shards uint64
}

func newRouter(shards int) router { return router{seed: maphash.MakeSeed(), shards: uint64(shards)} }

// of hashes the actor and names its shard. The seed is random, so that nobody can
// choose a shard from outside.
func (r *router) of(a *haechi.Actor) (actor uint64, shard int) {
	if a.Assurance == haechi.Authenticated && a.Device != "" {
		actor = maphash.String(r.seed, a.Device)
	} else {
		b := a.Client.Addr().As16()
		actor = maphash.Bytes(r.seed, b[:])
	}
	return actor, int(actor >> 32 % r.shards)
}
