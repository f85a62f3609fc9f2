package talk_test

import (
	"iter"
	"testing"
)

// conversations are one of each kind over TCP, with its port.
func conversations(t testing.TB) iter.Seq2[uint16, []said] {
	return func(yield func(uint16, []said) bool) {
		dns := lookups()
		for i := range dns {
			dns[i].text = framed(dns[i].text)
		}
		for _, d := range dialogues() {
			if !yield(d.port, d.talk) {
				return
			}
		}
		for _, x := range callings() {
			if !yield(x.port, x.talk) {
				return
			}
		}
		hello := string(clientHello(t, "shop.example.com", false))
		_ = yield(80, browsing()) &&
			yield(443, []said{in(hello)}) &&
			yield(53, dns) && yield(5300, dns) &&
			yield(1080, []said{in("\x05\x01\x00"), out("\x05\x00"), in("\x05\x01\x00\x03\x01a\x01\xbb"), out("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"), in(hello)})
	}
}

// datagrams are one of each kind over UDP.
func datagrams(t testing.TB) [][]said {
	h := clientHello(t, "quic.example.com", true)
	return [][]said{lookups(), {in(initial(0, crypto(h, 0, len(h))))}}
}
