package shield_test

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce"
	"haechi/internal/enforce/xdp"
)

// million is how many sources the programs of random.c choose from.
const million = 1 << 20

// sources4 are those of random.c; every tenth is the range around it.
func sources4() []netip.Prefix {
	out := make([]netip.Prefix, million)
	for i := range out {
		bits := 32
		if i%10 == 0 {
			bits = 28
		}
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], uint32(i)*2654435761)
		out[i] = netip.PrefixFrom(netip.AddrFrom4(a), bits).Masked()
	}
	return out
}

// sources6 are those of random.c, each a /64.
func sources6() []netip.Prefix {
	out := make([]netip.Prefix, million)
	for i := range out {
		x := uint64(i + 1)
		x ^= x >> 33
		x *= 0xff51afd7ed558ccd
		x ^= x >> 33
		x *= 0xc4ceb9fe1a85ec53
		x ^= x >> 33
		var a [16]byte
		binary.BigEndian.PutUint64(a[:8], 0x20<<56|x>>8)
		out[i] = netip.PrefixFrom(netip.AddrFrom16(a), 64)
	}
	return out
}

// packet is the smallest frame of a version, for the hardware address.
func packet(to net.HardwareAddr, v6 bool) []byte {
	b := append(make([]byte, 0, 128), to...)
	b = append(b, 2, 0, 0, 0, 0, 1)
	if v6 {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 17, 64)
		b = append(append(b, make([]byte, 16)...), netip.MustParseAddr("fd77::1").AsSlice()...)
	} else {
		b = append(b, 0x08, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 10, 77, 0, 1)
	}
	return append(b, make([]byte, 26)...)
}

// ground is a guarded interface with the shield's program on it.
type ground struct {
	out, in *netnstest.NS
	dir     string
	mac     net.HardwareAddr // of the guarded interface
	index   int              // of the other one
}

func newGround(b testing.TB) *ground {
	b.Helper()
	g := &ground{out: netnstest.New(b), in: netnstest.New(b), dir: filepath.Join(netnstest.BPF(b), "haechi")}
	netnstest.Link(b, netnstest.End{NS: g.out, Name: "out0", Addrs: []string{"10.77.0.2/24", "fd77::2/64"}},
		netnstest.End{NS: g.in, Name: "in0", Addrs: []string{"10.77.0.1/24", "fd77::1/64"}})
	look := func(ns *netnstest.NS, name string, take func(*net.Interface)) {
		err := ns.Do(func() error {
			i, err := net.InterfaceByName(name)
			if err == nil {
				take(i)
			}
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	look(g.in, "in0", func(i *net.Interface) { g.mac = i.HardwareAddr })
	look(g.out, "out0", func(i *net.Interface) { g.index = i.Index })
	return g
}

func (g *ground) shield(b testing.TB, list []netip.Prefix) *xdp.Enforcer {
	b.Helper()
	e, err := xdp.Open(b.Context(), xdp.Config{NetNS: g.in.FD(), Interfaces: []string{"in0"}, Dir: g.dir, Grace: time.Nanosecond, Peered: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close() })
	if err := e.Load(b.Context(), enforce.List{Prefixes: list}); err != nil {
		b.Fatal(err)
	}
	return e
}

// programs compiles random.c and loads it with the tables of the shield.
func (g *ground) programs(b testing.TB, beside bool) *ebpf.Collection {
	b.Helper()
	object := filepath.Join(b.TempDir(), "random.o")
	out, err := exec.Command("clang", "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-I/usr/include/x86_64-linux-gnu", "-I/usr/include/aarch64-linux-gnu",
		"-c", "bpf/random.c", "-o", object).CombinedOutput()
	if err != nil {
		b.Skipf("%v: %s: bench/install.sh installs clang and libbpf-dev", err, out)
	}
	spec, err := ebpf.LoadCollectionSpec(object)
	if err != nil {
		b.Fatal(err)
	}
	n := uint32(0)
	if beside {
		n = 1
	}
	for name, value := range map[string]uint32{"out_index": uint32(g.index), "beside": n} {
		if err := spec.Variables[name].Set(value); err != nil {
			b.Fatal(err)
		}
	}
	if err := spec.Variables["door_mac"].Set([6]byte(g.mac)); err != nil {
		b.Fatal(err)
	}
	if err := os.MkdirAll(g.dir, 0o700); err != nil {
		b.Fatal(err)
	}
	c, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Maps: ebpf.MapOptions{PinPath: g.dir}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	return c
}

// fillKernels fills the kernel's own tables with the sources.
func fillKernels(b testing.TB, c *ebpf.Collection) {
	b.Helper()
	hash, trie, ones := make([]uint32, million), make([][8]byte, million), make([]uint8, million)
	for i := range million {
		hash[i] = uint32(i) * 2654435761
		binary.NativeEndian.PutUint32(trie[i][:], 32)
		binary.BigEndian.PutUint32(trie[i][4:], hash[i])
	}
	if _, err := c.Maps["bench_hash"].BatchUpdate(hash, ones, nil); err != nil {
		b.Fatal(err)
	}
	if _, err := c.Maps["bench_trie"].BatchUpdate(trie, ones, nil); err != nil {
		b.Fatal(err)
	}
}
