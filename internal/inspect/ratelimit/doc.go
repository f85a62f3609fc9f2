// Package ratelimit limits how often a device, an address and a class of requests
// may act, and how many bytes a client may move (stage 3, in-band). Each service
// counts on its own.
//
// The limits, in this order:
//
//   - device: messages of an authenticated device, up to three windows judged in
//     one step (rows A10 and A11: 300/min, 10,000/h, 100,000/day).
//   - address: connections at accept, requests, and messages of a device that has
//     not proved itself, by client key: an IPv6 /64 is one client (row B58). Before
//     proof a claimed device name counts for nothing, so nobody can use up
//     another's quota.
//   - class: requests of a route that names a class, by service, class and client
//     (row B66). It takes the place of the address limit, and a route's own limit the
//     place of both: the narrowest one counts, alone (F75).
//   - service: new connections of all clients together. What a client's own limit
//     refuses is not charged here, so that one client cannot use it up for all.
//   - bytes: what one client sends and is sent through an opaque TCP service in a
//     second, over all its connections ([Limiter.Pace]).
//   - cost: how much of the time of the servers behind a client takes up, and bytes.
//     It is charged when it is known ([Limiter.Spend]) and asked for by a gate whose
//     servers have more to do than they can ([Limiter.Afford]): a heavy user of a
//     server that has the room is left alone.
//
// It promises: limit N admits N and refuses the next; a refused call is charged to
// no window of its limit; memory is fixed; when a table is full, clients it has no
// room for share one limit and are counted (Stats). Each limit is off, shadow or
// enforce. A device over its limit is asked to pause while the wait is short, and
// a paused message counts; so are
// bytes over their rate. It never limits or counts an actor on the allow list.
package ratelimit
