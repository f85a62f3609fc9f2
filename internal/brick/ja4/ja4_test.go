package ja4_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"haechi/internal/brick/ja4"
)

// chrome is the hello that the JA4 specification works through.
func chrome() ja4.Hello {
	return ja4.Hello{
		Transport: ja4.TCP,
		Versions:  []uint16{0x2a2a, 0x0304, 0x0303},
		Suites: []uint16{0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
			0x009d, 0x002f, 0x0035},
		Extensions: []uint16{0x3a3a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012,
			0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0x4a4a},
		Signatures: []uint16{0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601},
		ALPN:       "h2",
	}
}

func TestSpecification(t *testing.T) {
	h := chrome()
	if got := ja4.Of(&h); got != "t13d1516h2_8daaf6152771_e5627efa2ab1" {
		t.Errorf("got %s", got)
	}
	h.Transport = ja4.QUIC
	if got := ja4.Of(&h); got[0] != 'q' {
		t.Errorf("got %s", got)
	}
}

// TestOrderDoesNotCount: clients shuffle their extensions. The order of signature
// algorithms does count.
func TestOrderDoesNotCount(t *testing.T) {
	h, want := chrome(), "t13d1516h2_8daaf6152771_e5627efa2ab1"
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		for _, list := range [][]uint16{h.Suites, h.Extensions, h.Versions} {
			r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		}
		before := slices.Clone(h.Extensions)
		if got := ja4.Of(&h); got != want {
			t.Fatalf("got %s", got)
		}
		if !slices.Equal(before, h.Extensions) {
			t.Fatal("the caller's list was changed")
		}
	}
	slices.Reverse(h.Signatures)
	if ja4.Of(&h) == want {
		t.Error("another order of signature algorithms gives the same")
	}
}

// TestAPrinterRemembersNothingWrong: whatever hellos come, in whatever order, again and again.
func TestAPrinterRemembersNothingWrong(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var all []ja4.Hello
	for range 300 {
		h := chrome()
		h.Suites, h.Signatures = h.Suites[:1+r.IntN(len(h.Suites))], h.Signatures[:r.IntN(len(h.Signatures)+1)]
		h.Extensions[r.IntN(len(h.Extensions))] ^= uint16(r.IntN(3))
		h.ALPN = []string{"", "h2", "http/1.1"}[r.IntN(3)]
		all = append(all, h)
	}
	var p ja4.Printer
	for range 3000 {
		h := &all[r.IntN(len(all))]
		if got, want := p.Of(h), ja4.Of(h); got != want {
			t.Fatalf("%s instead of %s", got, want)
		}
	}
	h := chrome()
	p.Of(&h)
	if n := testing.AllocsPerRun(100, func() { p.Of(&h) }); n > 0 {
		t.Errorf("%v allocations for one that is known", n)
	}
}

func TestEdges(t *testing.T) {
	for want, h := range map[string]ja4.Hello{
		"t00i000000_000000000000_000000000000": {Transport: ja4.TCP},
		"ts3i000100_000000000000_a8f3e973773c": {Transport: ja4.TCP, Versions: []uint16{0x0300}, Extensions: []uint16{0x000a}},
		"t12i9999h1_":                          {Transport: ja4.TCP, Versions: []uint16{0x0303}, Suites: many(120), Extensions: many(10000), ALPN: "http/1.1"},
		"t10d0001ab_000000000000_000000000000": {Transport: ja4.TCP, Versions: []uint16{0x0301, 0xfafa}, Extensions: []uint16{0}, ALPN: "\xab"},
		"t11i000000_000000000000_000000000000": {Transport: ja4.TCP, Versions: []uint16{0x0302}, Suites: []uint16{0x0a0a, 0xfafa}},
	} {
		if got := ja4.Of(&h); len(got) != 36 || got[:len(want)] != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func many(n int) []uint16 {
	out := make([]uint16, n)
	for i := range out {
		out[i] = uint16(i + 256)
	}
	return out
}
