package closeup_test

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"pgregory.net/rapid"

	"haechi"
	"haechi/internal/sensor/closeup"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

func about(prefix string) *haechi.Incident {
	return &haechi.Incident{ID: "AAAAA-00001", About: haechi.Scope{Kind: haechi.ScopeAddress, Prefix: netip.MustParsePrefix(prefix)}}
}

// see has the keeper see a packet of so many bytes, each of value b.
func see(k *closeup.Keeper, at time.Time, b byte, size int, src, dst string) {
	k.Packet(at.UnixNano(), 1, size+4, bytes.Repeat([]byte{b}, size), netip.MustParseAddr(src), netip.MustParseAddr(dst))
}

// capture reads what is kept back with another program's reader.
func capture(t testing.TB, k *closeup.Keeper, prefix string) (out [][]byte, when []time.Time) {
	t.Helper()
	var b bytes.Buffer
	n, err := k.Write(&b, netip.MustParsePrefix(prefix))
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	for {
		p, ci, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || ci.Length < ci.CaptureLength {
			t.Fatalf("%v, %+v", err, ci)
		}
		out, when = append(out, p), append(when, ci.Timestamp)
	}
	if len(out) != n {
		t.Errorf("%d packets, said to be %d", len(out), n)
	}
	return out, when
}

// TestOnlyTheWatchedAreKept: to and fro, from the incident on until its time ends, of a whole
// /64; nobody else, and nothing before.
func TestOnlyTheWatchedAreKept(t *testing.T) {
	k := closeup.New(closeup.Config{For: time.Minute})
	see(k, noon.Add(-time.Second), 1, 60, "192.0.2.66", "192.0.2.1")
	k.Watch(about("192.0.2.66/32"), noon)
	k.Watch(about("2001:db8::/64"), noon.Add(time.Second))
	see(k, noon, 2, 60, "192.0.2.66", "192.0.2.1")
	see(k, noon.Add(time.Second), 3, 61, "192.0.2.1", "192.0.2.66")
	see(k, noon, 4, 60, "192.0.2.67", "192.0.2.1")
	see(k, noon, 5, 60, "2001:db8::1:2", "2001:db8:1::1")
	see(k, noon.Add(59*time.Second), 6, 5000, "192.0.2.66", "192.0.2.1")
	see(k, noon.Add(60*time.Second+500*time.Millisecond), 7, 60, "192.0.2.66", "192.0.2.1")
	see(k, noon.Add(2*time.Minute), 8, 60, "192.0.2.66", "192.0.2.1")
	got, when := capture(t, k, "192.0.2.66/32")
	if len(got) != 3 || got[0][0] != 2 || got[1][0] != 3 || len(got[1]) != 61 || got[2][0] != 6 || len(got[2]) != closeup.MostOfPacket || !when[1].Equal(noon.Add(time.Second)) {
		t.Errorf("%d packets at %v", len(got), when)
	}
	if got, _ := capture(t, k, "2001:db8::/64"); len(got) != 1 || got[0][0] != 5 {
		t.Errorf("of the /64: %d packets", len(got))
	}
	list := k.List()
	if len(list) != 2 || list[1].About.String() != "ip:192.0.2.66" || list[1].Kept != 3 || list[1].Seen != 3 || !list[1].Until.Equal(noon.Add(time.Minute)) || list[0].About.String() != "ip:2001:db8::/64" {
		t.Errorf("%+v", list)
	}
	if _, err := k.Write(io.Discard, netip.MustParsePrefix("192.0.2.67/32")); haechi.KindOf(err) != haechi.NotFound {
		t.Errorf("of somebody else: %v", err)
	}
}

// TestAnIncidentThatGoesOnIsWatchedOn, and what was kept stays.
func TestAnIncidentThatGoesOnIsWatchedOn(t *testing.T) {
	k := closeup.New(closeup.Config{For: time.Minute})
	k.Watch(about("192.0.2.66/32"), noon)
	see(k, noon, 1, 60, "192.0.2.66", "192.0.2.1")
	k.Watch(about("192.0.2.66/32"), noon.Add(time.Hour))
	see(k, noon.Add(time.Hour), 2, 60, "192.0.2.66", "192.0.2.1")
	if got, _ := capture(t, k, "192.0.2.66/32"); len(got) != 2 || !k.List()[0].Since.Equal(noon) {
		t.Errorf("%d packets, %+v", len(got), k.List())
	}
}

// TestWhoIsNotWatched: networks, devices, services, and hosts for which there is no room.
func TestWhoIsNotWatched(t *testing.T) {
	k := closeup.New(closeup.Config{Hosts: 2, Ring: 1 << 10})
	for _, s := range []haechi.Scope{{}, {Kind: haechi.ScopeDevice, Value: "bot/1"}, {Kind: haechi.ScopePrefix, Prefix: netip.MustParsePrefix("192.0.2.0/24")}, about("2001:db8::1/128").About} {
		k.Watch(&haechi.Incident{About: s}, noon)
	}
	for i, p := range []string{"192.0.2.1/32", "192.0.2.2/32", "192.0.2.3/32"} {
		k.Watch(about(p), noon.Add(time.Duration(i)*time.Second))
	}
	if l := k.List(); len(l) != 2 || l[0].About.String() != "ip:192.0.2.3" || l[1].About.String() != "ip:192.0.2.2" {
		t.Errorf("%+v", l)
	}
	if s := k.Stats(); s[0].Value != 2 || s[1].Value != 1 || s[2].Value != 4 {
		t.Errorf("%+v", s)
	}
	var none *closeup.Keeper
	see(none, noon, 1, 60, "192.0.2.66", "192.0.2.1")
	if none.List() != nil || none.Stats() != nil {
		t.Error("a keeper that is switched off keeps something")
	}
}

// TestTheNewestAreKept: a ring of any size holds the newest packets that fit, in order and
// byte for byte.
func TestTheNewestAreKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(100, 5000).Draw(t, "ring")
		k := closeup.New(closeup.Config{Ring: size})
		k.Watch(about("192.0.2.66/32"), noon)
		var all [][]byte
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 2500), 1, 60).Draw(t, "sizes") {
			p := bytes.Repeat([]byte{byte(i)}, n)
			k.Packet(noon.UnixNano(), 1, n, p, netip.MustParseAddr("192.0.2.66"), netip.MustParseAddr("192.0.2.1"))
			if p = p[:min(n, closeup.MostOfPacket)]; len(p)+20 <= size {
				all = append(all, p)
			}
		}
		used, first := 0, len(all)
		for first > 0 && used+20+len(all[first-1]) <= size {
			first--
			used += 20 + len(all[first])
		}
		var b bytes.Buffer
		n, err := k.Write(&b, netip.MustParsePrefix("192.0.2.66/32"))
		if err != nil || n != len(all)-first {
			t.Fatalf("%d kept (%v), want %d", n, err, len(all)-first)
		}
		rest := b.Bytes()[24:]
		for _, p := range all[first:] {
			if !bytes.Equal(rest[16:16+len(p)], p) {
				t.Fatalf("packet of %d bytes differs", len(p))
			}
			rest = rest[16+len(p):]
		}
	})
}

func BenchmarkPacketOfNobody(b *testing.B) {
	k := closeup.New(closeup.Config{})
	k.Watch(about("192.0.2.66/32"), noon)
	p, src, dst := make([]byte, 1500), netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		k.Packet(noon.UnixNano(), 1, 1500, p, src, dst)
	}
}
