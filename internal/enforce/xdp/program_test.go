package xdp_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"haechi"
	"haechi/internal/brick/prefixset"
	"haechi/internal/enforce"
	"haechi/internal/enforce/xdp"
)

// program is the one on the interface.
func (p *place) program(t testing.TB) *ebpf.Program {
	t.Helper()
	l, err := link.LoadPinnedLink(filepath.Join(p.dir, "driver:in0"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	info, err := l.Info()
	if err != nil {
		t.Fatal(err)
	}
	prog, err := ebpf.NewProgramFromID(info.Program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = prog.Close() })
	return prog
}

// frame is a packet from the source, behind VLAN tags.
func frame(from netip.Addr, tags ...uint16) []byte {
	b := make([]byte, 12, 128)
	for _, tag := range tags {
		b = binary.BigEndian.AppendUint16(b, tag)
		b = append(b, 0, 5)
	}
	if from.Is4() {
		b = append(b, 0x08, 0, 0x45, 0, 0, 60, 0, 0, 0, 0, 64, 17, 0, 0)
		b = append(append(b, from.AsSlice()...), 10, 77, 0, 1)
	} else {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 40, 17, 64)
		b = append(append(b, from.AsSlice()...), netip.MustParseAddr("fd77::1").AsSlice()...)
	}
	return append(b, make([]byte, 40)...)
}

func drops(t testing.TB, prog *ebpf.Program, packet []byte) bool {
	t.Helper()
	verdict, _, err := prog.Test(packet)
	if err != nil {
		t.Fatal(err)
	}
	if verdict != 1 && verdict != 2 {
		t.Fatalf("verdict %d", verdict)
	}
	return verdict == 1
}

// Tagged frames are judged as others are; what is no address, cut short, or tagged more
// than twice is the kernel's to judge.
func TestFrames(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	apply(t, e, drop(t, "A", "ip:203.0.113.7"), drop(t, "B", "ip:2001:db8::/64"))
	prog := p.program(t)
	for _, text := range []string{"203.0.113.7", "2001:db8::9"} {
		from := netip.MustParseAddr(text)
		for _, tags := range [][]uint16{nil, {0x8100}, {0x88a8}, {0x88a8, 0x8100}} {
			if !drops(t, prog, frame(from, tags...)) {
				t.Errorf("%s behind %x passes", text, tags)
			}
		}
		if drops(t, prog, frame(from, 0x88a8, 0x8100, 0x8100)) {
			t.Error("three tags are judged")
		}
		whole := frame(from)
		if drops(t, prog, whole[:30]) {
			t.Error("half a header is judged")
		}
	}
	arp := frame(netip.MustParseAddr("203.0.113.7"))
	arp[12], arp[13] = 0x08, 0x06
	if drops(t, prog, arp) || drops(t, prog, frame(netip.MustParseAddr("203.0.113.8"))) {
		t.Error("what nobody denied is dropped")
	}
}

// A list drops what its prefixes contain, and nothing else: random lists with prefixes of
// all lengths, against another implementation.
func TestListIsExact(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	prog := p.program(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	for range 8 {
		var list []netip.Prefix
		for range 300 {
			list = append(list, randomPrefix(rnd))
		}
		for range 60 { // few and many of a /24
			list = append(list, netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 9, byte(rnd.IntN(16)), byte(rnd.IntN(256))}), 32))
		}
		list = append(list, netip.MustParsePrefix("::/64"), netip.MustParsePrefix("0.0.0.0/25"), netip.MustParsePrefix("255.255.255.255/32"), list[0])
		if err := e.Load(t.Context(), enforce.List{Prefixes: list}); err != nil {
			t.Fatal(err)
		}
		want := prefixset.New(list...)
		for range 1500 {
			a := randomAddr(rnd)
			if rnd.IntN(2) == 0 { // just in, or just beside, one of them
				a = edge(rnd, list[rnd.IntN(len(list))])
			}
			if got := drops(t, prog, frame(a)); got != want.Contains(a) {
				t.Fatalf("%s: drops %v", a, got)
			}
		}
	}
}

func randomAddr(rnd *rand.Rand) netip.Addr {
	if rnd.IntN(2) == 0 {
		return netip.AddrFrom4([4]byte{100, byte(rnd.IntN(4)), byte(rnd.IntN(256)), byte(rnd.IntN(256))})
	}
	a := [16]byte{0x20, 1, 0xd, 0xb8}
	for i := 4; i < 16; i++ {
		a[i] = byte(rnd.IntN(3))
	}
	return netip.AddrFrom16(a)
}

// randomPrefix is seldom short, so that not all is listed.
func randomPrefix(rnd *rand.Rand) netip.Prefix {
	a := randomAddr(rnd)
	bits := 17 + rnd.IntN(16)
	if a.Is6() {
		bits = 44 + 4*rnd.IntN(22)
	}
	return netip.PrefixFrom(a, bits).Masked()
}

func edge(rnd *rand.Rand, p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	last := p.Bits()
	for i := last; i < len(b)*8; i++ { // its last address
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	switch rnd.IntN(4) {
	case 0:
		a = a.Next()
	case 1:
		a = p.Addr().Prev()
	case 2:
		a = p.Addr()
	}
	if !a.IsValid() {
		return p.Addr()
	}
	return a
}

// Decisions and the protected of all lengths, against another implementation, while they
// come and go.
func TestDecisionsAreExact(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	prog := p.program(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 3))
	held := map[haechi.Reference]netip.Prefix{}
	for range 40 {
		q := randomPrefix(rnd)
		if rnd.IntN(8) == 0 {
			q = netip.PrefixFrom(q.Addr(), 1+rnd.IntN(q.Bits())).Masked()
		}
		apply(t, e, drop(t, haechi.Reference(q.String()), "prefix:"+q.String()))
		held[haechi.Reference(q.String())] = q
		for id := range held {
			if rnd.IntN(10) == 0 {
				if err := e.Lift(t.Context(), []haechi.Reference{id}); err != nil {
					t.Fatal(err)
				}
				delete(held, id)
			}
		}
		if rnd.IntN(4) == 0 {
			if got := inForce(t, e); len(got) != len(held) { // takes hints back
				t.Fatalf("%d in force, %d held", len(got), len(held))
			}
		}
		guard := []netip.Prefix{randomPrefix(rnd), randomPrefix(rnd)}
		if err := e.Guard(t.Context(), guard); err != nil {
			t.Fatal(err)
		}
		denied, kept := prefixset.New(slices.Collect(maps.Values(held))...), prefixset.New(guard...)
		for range 200 {
			a := randomAddr(rnd)
			if rnd.IntN(2) == 0 {
				a = edge(rnd, q)
			}
			if want := denied.Contains(a) && !kept.Contains(a); drops(t, prog, frame(a)) != want {
				t.Fatalf("%s: want %v", a, want)
			}
		}
	}
}

// The object is what the source compiles to.
func TestObjectIsOfItsSource(t *testing.T) {
	version, err := exec.Command("clang", "--version").Output()
	if err != nil || !strings.Contains(string(version), "version 14.") {
		if os.Getenv("CI") != "" {
			t.Fatalf("CI compiles the program with the clang that test/install.sh installs: %v", err)
		}
		t.Skipf("clang 14 compiles the program; here it is %v %q", err, version)
	}
	fresh := filepath.Join(t.TempDir(), "shield.o")
	if out, err := exec.Command("./bpf/build.sh", fresh).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want, err1 := ebpf.LoadCollectionSpec(fresh)
	got, err2 := ebpf.LoadCollectionSpec("bpf/shield.o")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for name, prog := range want.Programs {
		if got.Programs[name] == nil || fmt.Sprint(prog.Instructions) != fmt.Sprint(got.Programs[name].Instructions) {
			t.Errorf("program %s differs: run go generate ./internal/enforce/xdp", name)
		}
	}
	for name, m := range want.Maps {
		has := got.Maps[name]
		if has == nil || has.Type != m.Type || has.KeySize != m.KeySize || has.ValueSize != m.ValueSize || has.MaxEntries != m.MaxEntries || has.Flags != m.Flags {
			t.Errorf("table %s differs: run go generate ./internal/enforce/xdp", name)
		}
	}
	if !reflect.DeepEqual(names(want.Programs), names(got.Programs)) || !reflect.DeepEqual(names(want.Maps), names(got.Maps)) {
		t.Error("programs or tables differ: run go generate ./internal/enforce/xdp")
	}
}

func names[T any](m map[string]T) map[string]bool {
	out := make(map[string]bool)
	for name := range maps.Keys(m) {
		out[name] = true
	}
	return out
}

// ip4 is an IPv4 packet: its protocol, its fragment field, how many bytes follow the
// header as its length says, and what they begin with.
func ip4(protocol byte, fragment uint16, bytes int, body ...byte) []byte {
	b := frame(netip.MustParseAddr("198.51.100.9"))[:34]
	binary.BigEndian.PutUint16(b[16:], uint16(20+bytes))
	binary.BigEndian.PutUint16(b[20:], fragment)
	b[23] = protocol
	return append(append(b, body...), make([]byte, max(bytes-len(body), 0))...)
}

// ip6 is likewise an IPv6 packet.
func ip6(next byte, bytes int, body ...byte) []byte {
	b := frame(netip.MustParseAddr("2001:db8::9"))[:54]
	binary.BigEndian.PutUint16(b[18:], uint16(bytes))
	b[20] = next
	return append(append(b, body...), make([]byte, max(bytes-len(body), 0))...)
}

func everybody(b []byte) []byte {
	for i := range 6 {
		b[i] = 0xff
	}
	return b
}

func with(b []byte, change func([]byte)) []byte {
	change(b)
	return b
}

// What no honest sender sends is dropped, what merely looks odd is not, and the protected
// are not judged.
func TestOddPacketsAreDropped(t *testing.T) {
	p := newPlace(t)
	e := p.open(t, xdp.Config{})
	prog := p.program(t)
	routed := []byte{17, 0, 0, 1, 0, 0, 0, 0}                              // type 0, one place to go
	second := []byte{17, 0, 0, 8, 0, 0, 0, 1}                              // offset 8, the last
	first := []byte{6, 0, 0, 1, 0, 0, 0, 1}                                // offset 0, more
	atomic := []byte{17, 0, 0, 0, 0, 0, 0, 1}                              // alone
	late := []byte{17, 0, 0xff, 0xf8, 0, 0, 0, 1}                          // offset 65,528
	echo, echo6 := []byte{8, 0, 0, 0, 0, 0, 0, 0}, []byte{128, 0, 0, 0, 0} // requests
	for name, c := range map[string]struct {
		packet []byte
		drops  bool
	}{
		"whole UDP":               {ip4(17, 0, 20), false},
		"padded":                  {append(ip4(17, 0, 8), make([]byte, 30)...), false},
		"do not fragment":         {ip4(6, 0x4000, 20), false},
		"first fragment":          {ip4(17, 0x2000, 24), false},
		"last fragment":           {ip4(17, 3, 5), false},
		"second of UDP at 8":      {ip4(17, 1, 16), false},
		"length beyond the frame": {ip4(17, 0, 20)[:44], true},
		"length below the header": {with(ip4(17, 0, 20), func(b []byte) { b[16], b[17] = 0, 19 }), true},
		"header of 16 bytes":      {with(ip4(17, 0, 20), func(b []byte) { b[14] = 0x44 }), true},
		"version 5":               {with(ip4(17, 0, 20), func(b []byte) { b[14] = 0x55 }), true},
		"length 0":                {with(ip4(17, 0, 20), func(b []byte) { b[16], b[17] = 0, 0 }), false},
		"odd length in between":   {ip4(17, 0x2000, 25), true},
		"tiny first of TCP":       {ip4(6, 0x2000, 16), true},
		"second of TCP at 8":      {ip4(6, 1, 16), true},
		"ping of death":           {ip4(1, 0x1fff, 16), true},
		"just fits":               {ip4(1, 0x1ffe, 15), false},
		"ping":                    {ip4(1, 0, 8, echo...), false},
		"Smurf":                   {everybody(ip4(1, 0, 8, echo...)), true},
		"answer to everybody":     {everybody(ip4(1, 0, 8)), false},
		"chargen to everybody":    {everybody(ip4(17, 0, 8, 0, 99, 0, 19)), true},
		"DHCP to everybody":       {everybody(ip4(17, 0, 8, 0, 68, 0, 67)), false},
		"ping to a group":         {with(everybody(ip4(1, 0, 8, echo...)), func(b []byte) { b[30] = 224 }), false},

		"whole IPv6":            {ip6(17, 20), false},
		"IPv6 beyond the frame": {ip6(17, 20)[:60], true},
		"from a group":          {with(ip6(17, 20), func(b []byte) { b[22] = 0xff }), true},
		"routed by type 0":      {ip6(43, 28, routed...), true},
		"second of IPv6":        {ip6(44, 28, second...), false},
		"tiny first of IPv6":    {ip6(44, 24, first...), true},
		"first of IPv6":         {ip6(44, 32, first...), false},
		"atomic fragment":       {ip6(44, 20, atomic...), false},
		"oversized IPv6":        {ip6(44, 24, late...), true},
		"ping of IPv6":          {ip6(58, 8, echo6...), false},
		"Smurf of IPv6":         {everybody(ip6(58, 8, echo6...)), true},
		"ping by a neighbour":   {with(everybody(ip6(58, 8, echo6...)), func(b []byte) { b[22], b[23] = 0xfe, 0x80 }), false},
		"behind options":        {everybody(ip6(0, 16, append([]byte{58, 0, 1, 4, 0, 0, 0, 0}, echo6...)...)), true},
	} {
		if got := drops(t, prog, c.packet); got != c.drops {
			t.Errorf("%s: drops %v", name, got)
		}
	}
	if err := e.Guard(t.Context(), prefixes("198.51.100.0/24")); err != nil {
		t.Fatal(err)
	}
	if drops(t, prog, ip4(6, 1, 16)) {
		t.Error("a protected source is judged")
	}
	want := map[string]bool{"malformed": true, "tiny_fragment": true, "oversized": true, "smurf": true}
	for _, c := range e.Stats() {
		if why, ok := strings.CutPrefix(c.Name, "xdp_dropped_packets_"); ok && want[why] != (c.Value > 0) {
			t.Errorf("%s is %d", c.Name, c.Value)
		}
	}
}
