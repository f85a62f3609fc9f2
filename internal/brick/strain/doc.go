// Package strain tells whether a server behind a gate has more to do than it can, from
// what the gate sees of it: how many requests it has, and how long each takes to be
// answered. It is a brick: it knows kinds, times and numbers, nothing else.
//
// A [Gauge] learns for each kind of request how long its answer takes while all is
// calm. The server is busy once answers take [EnterRatio] times as long as that, or
// half of what waits is overdue, with [MinBusy] requests under way, for 0.3 s on end: a
// standstill that is over is none of the server's. It is calm again below [LeaveRatio]. A
// kind that was always slow is not busy, and one client that asks one slow thing after the
// other never makes it so.
//
// While the server is busy, the number of requests that it should have shrinks
// every quarter of a second to 0.82 of what it has, as long as answers are late; while it
// is calm, that grows again to the configured most. [Gauge.Fill] is what is under way against it, and falls only once
// that has fallen by a tenth, so that who is refused does not change with every request.
//
// It promises: fixed memory (1,024 kinds, as many places as the most allows), no
// allocation for a request, O(1) for each but for a look at what waits ten times a
// second. A kind whose place is taken by another that is asked for is not judged, which can
// only make the gauge say less. It reads no clock, starts no goroutine, and is safe for concurrent use.
package strain
