// Package procnet tells what the kernel counted (stage 1, passive): bytes and packets of
// every network interface, and what its IP, TCP, UDP and ICMP saw, once a second, as
// events of kind counted. A flood costs it nothing: it reads four small files of
// /proc/net, however many packets came.
//
// A total is no rate (F67): what is told is the difference to the reading before, over
// the time between both on the monotonic clock. The first reading tells nothing, nor does
// a counter that is lower than before: it began anew. An amount that no hardware moves is
// refused and counted. The loopback interface is left out; what is received and what is
// sent are told apart.
//
// It promises bounded memory (256 interfaces; more are refused and counted), files of
// 1 MiB at most, and that nothing in them can stop it. It knows no clock, starts no
// goroutine, and never decides. What counters cannot tell it does not guess: they know no
// source, no port and no protocol above UDP.
package procnet
