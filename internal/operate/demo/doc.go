// Package demo is the play that shows a gateway at work: a bot server and a web
// shop to stand behind it, and phones, visitors and attackers to stand before it
// (a use case, under operate). The bot server and the phones speak the real
// protocol of the public KakaoTalk bots, so tests use them as its two ends.
//
// It promises that
//   - nothing leaves the machine: every target and every listener must be a
//     literal loopback address, and anything else is an error;
//   - every client dials from an address of its own in 127.0.0.0/8, never
//     127.0.0.1, which belongs to the person at the console;
//   - every loop is bounded in count, rate and time, and ends with its context;
//   - the servers count what they receive, so that a test can say "nothing".
//
// It never knows the gateway: it is given addresses and device keys, and it
// behaves the same with no gateway in between.
package demo
