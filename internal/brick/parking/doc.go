// Package parking keeps idle connections without a goroutine and without a buffer.
// It is a brick of no stage. Linux only, as the product is: it is an epoll loop.
//
// A [Lot] holds descriptors. Their owner takes a place for one ([Lot.Take]), parks it
// ([Lot.Park]) and returns. Once the descriptor is ready, the deadline has passed or
// somebody calls [Lot.Kick], its [Waker] is woken, once, in a goroutine that it has to
// itself: it may block. It does its work, then parks again or leaves ([Lot.Leave]).
// So a connection is at any time either parked or in one goroutine's hands.
//
// A riding lot (Config.Riding) runs those owners that are [Rider]s in its loop itself,
// one after the other, and one that has to wait ends its [Turn] first. Deadlines and kicks
// are wakes there too.
//
// It promises:
//
//   - A place of [Lot.TakeReader] is in the kernel's set once and for all; one of
//     [Lot.Take] is put there each time it is parked, so that it costs nothing else while
//     its owner works.
//   - A parked descriptor costs [PlaceBytes] and nothing else of the user's memory.
//   - Nothing is lost: what happens while the place is not parked wakes it as soon as
//     it is. A wake may be for nothing; its owner looks for itself.
//   - A place's number is never mistaken for that of an earlier one, nor is a
//     descriptor that the system gives out again: each place has a generation, and only
//     the owner, who is not parked then, touches the kernel's set.
//   - A deadline is never early, and late by two ticks of the lot at most.
//   - Places are bounded, and what was refused is counted.
//
// It never reads, writes or closes a descriptor on its own. The functions [Detach],
// [Read], [Write] and [Shut] are for owners of bare descriptors.
package parking
