package shield_test

import (
	"errors"
	"maps"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce/nft"
	"haechi/internal/enforce/xdp"
)

// TestContainersAreGuardedToo: what is decided about is dropped on its way to a container
// behind the machine too, by an address of the container's own and by a published port of the
// machine's; all others get there, and the container's own questions are answered.
func TestContainersAreGuardedToo(t *testing.T) {
	for name, open := range map[string]func(*land) (guarding, error){
		"nft": func(l *land) (guarding, error) { return nft.Open(t.Context(), nft.Config{NetNS: l.guarded.FD()}) },
		"xdp": func(l *land) (guarding, error) {
			return xdp.Open(t.Context(), xdp.Config{NetNS: l.guarded.FD(), Interfaces: []string{"in0"}, Dir: filepath.Join(netnstest.BPF(t), "haechi")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLand(t)
			k, err := open(l)
			if err != nil {
				t.Fatal(err)
			}
			containers(t, l, k)
		})
	}
}

func containers(t *testing.T, l *land, k guarding) {
	inside := netnstest.New(t)
	netnstest.Link(t, netnstest.End{NS: l.guarded, Name: "box0", Addrs: []string{"10.99.0.1/24", "fd99::1/64"}}, netnstest.End{NS: inside, Name: "eth0", Addrs: []string{"10.99.0.2/24", "fd99::2/64"}})
	inside.Run(t, "ip", "route", "add", "default", "via", "10.99.0.1")
	inside.Run(t, "ip", "-6", "route", "add", "default", "via", "fd99::1")
	l.strangers.Run(t, "ip", "route", "add", "10.99.0.0/24", "via", "10.77.0.1")
	l.strangers.Run(t, "ip", "-6", "route", "add", "fd99::/64", "via", "fd77::1")
	l.guarded.Set(t, "net/ipv4/ip_forward", "1")
	l.guarded.Set(t, "net/ipv6/conf/all/forwarding", "1")
	l.guarded.Run(t, "nft", "add table ip publish; add chain ip publish pre { type nat hook prerouting priority dstnat; }; add rule ip publish pre iifname in0 udp dport 9001 dnat to 10.99.0.2:9000")
	var in net.PacketConn
	if err := inside.Do(func() (err error) { in, err = net.ListenPacket("udp", "[::]:9000"); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	now := time.Now()
	var ds []haechi.Decision
	for id, about := range map[haechi.Reference]string{"four": "ip:203.0.113.7", "six": "prefix:2001:db8:1::/64"} {
		s, err := haechi.ParseScope(about)
		if err != nil {
			t.Fatal(err)
		}
		ds = append(ds, haechi.Decision{ID: id, Scope: s, Action: haechi.Drop, Mode: haechi.Enforce, From: now.Add(-time.Minute), Until: now.Add(time.Hour)})
	}
	ways := []way{
		{"203.0.113.7", "10.99.0.2:9000"}, {"203.0.113.7", "10.77.0.1:9001"}, {"2001:db8:1::7", "[fd99::2]:9000"},
		{"203.0.113.8", "10.99.0.2:9000"}, {"203.0.113.8", "10.77.0.1:9001"}, {"2001:db8:2::7", "[fd99::2]:9000"},
	}
	if got := l.get(t, in, ways); len(got) != len(ways) {
		t.Fatalf("before: only %v arrive", got)
	}
	if err := k.Apply(t.Context(), ds); err != nil {
		t.Fatal(err)
	}
	if got := l.get(t, in, ways); !maps.Equal(got, map[string]bool{"3": true, "4": true, "5": true}) {
		t.Errorf("%v arrive", got)
	}
}

// way is from whom to where a packet goes.
type way struct{ from, to string }

// get sends a packet each way and returns the numbers of those that arrive. One that does
// not costs two seconds, however many there are.
func (l *land) get(t testing.TB, in net.PacketConn, ways []way) map[string]bool {
	t.Helper()
	err := l.strangers.Do(func() error {
		for i, w := range ways {
			d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(w.from), 0)), Control: netnstest.AnySource}
			c, err := d.Dial("udp", w.to)
			if err != nil {
				return err
			}
			if _, err := c.Write([]byte(strconv.Itoa(i))); err != nil {
				return errors.Join(err, c.Close())
			}
			if err := c.Close(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	came := make(map[string]bool)
	if err := in.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for b := make([]byte, 8); len(came) < len(ways); {
		n, _, err := in.ReadFrom(b)
		if err != nil {
			break // nothing more
		}
		came[string(b[:n])] = true
	}
	return came
}
