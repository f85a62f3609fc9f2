package shield_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/netnstest"
)

// list is what status says about a deny list.
func (r *rig) list(name string) haechi.ListStatus {
	r.t.Helper()
	a := r.haechi("status", "--json")
	var s haechi.Status
	if err := json.Unmarshal([]byte(a.Out), &s); err != nil {
		r.t.Fatalf("%v: %s%s", err, a.Out, a.Err)
	}
	at := slices.IndexFunc(s.Lists, func(l haechi.ListStatus) bool { return l.Name == name })
	if at < 0 {
		r.t.Fatalf("status names no list %s: %s", name, a.Out)
	}
	return s.Lists[at]
}

// counter is one of those that status shows.
func (r *rig) counter(name string) uint64 {
	r.t.Helper()
	var s haechi.Status
	if a := r.haechi("status", "--json"); json.Unmarshal([]byte(a.Out), &s) != nil {
		r.t.Fatalf("%s%s", a.Out, a.Err)
	}
	for _, c := range s.Counters {
		if c.Name == name {
			return c.Value
		}
	}
	return 0
}

// publish replaces the file of a list as a good program does it.
func (r *rig) publish(name, text string) {
	r.t.Helper()
	path := filepath.Join(filepath.Dir(r.config), name)
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		r.t.Fatal(err)
	}
}

const twoLists = "lists: [{ name: drop, file: drop.txt }, { name: tor, file: tor.txt }, { name: maybe, file: maybe.txt, mode: shadow }]"

// TestListsFromFiles: lists are in force in the kernel from the start, each counted by
// itself, until their files change; whoever is protected passes, whatever they say; and no
// packet slips through a change or a kill.
func TestListsFromFiles(t *testing.T) {
	t.Parallel()
	for name, setting := range map[string]string{
		"nft": "{ kernel: nft, " + twoLists + " }",
		"xdp": "{ kernel: xdp, interfaces: [in0], pins: PINS, " + twoLists + " }",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listsFromFiles(t, newRig(t, setting), name)
		})
	}
}

func listsFromFiles(t *testing.T, r *rig, place string) {
	in := r.land.listen(t)
	r.publish("drop.txt", many(100_000)+"203.0.113.0/24\n2001:db8:1::/48\n192.0.2.0/24\n10.0.0.0/8\nexample.com\n")
	r.publish("tor.txt", "198.51.100.1-198.51.100.3 # a range\n")
	r.publish("maybe.txt", "198.51.100.9\n")
	if a := program.Run(t, "check", "--config", r.config); a.Code != 0 {
		t.Errorf("check: %s%s", a.Out, a.Err)
	}
	r.start()
	for from, want := range map[string]bool{"203.0.113.7": false, "2001:db8:1::7": false, "198.51.100.2": false, "198.51.100.4": true, "198.51.100.9": true, "192.0.2.7": true} {
		if got := r.land.arrives(t, in, netip.MustParseAddr(from)); got != want {
			t.Errorf("%s arrives: %v", from, got)
		}
	}
	drop, tor := r.list("drop"), r.list("tor")
	if drop.Prefixes != 100_003 || drop.Left != 2 || !strings.HasPrefix(drop.First, "line 100004: ") || drop.Spared != 1 || drop.Packets != 2 || tor.Packets != 1 || tor.Prefixes != 2 || r.list("maybe").Prefixes != 1 {
		t.Errorf("status: %+v, %+v", drop, tor)
	}
	for lang, want := range map[string]string{"en": "lines left out", "ko": "제외된 줄"} {
		if a := r.haechi("status", "--lang", lang); !strings.Contains(a.Out, want) || !strings.Contains(a.Out, "line 100004: ") {
			t.Errorf("%s: %s", lang, a.Out)
		}
	}

	s := r.land.stream(netip.MustParseAddr("203.0.113.7"), in, 500*time.Microsecond)
	r.publish("drop.txt", many(50_000)+"203.0.113.7\n")
	r.publish("tor.txt", "198.51.100.4\n")
	r.eventually("both files are taken over", 30*time.Second, func() bool { return r.counter(place+"_listed") == 50_002 })
	s.Close(t)
	if sent, came := s.Count(); sent < 100 || came > 0 {
		t.Errorf("%d of %d packets slipped through a change", came, sent)
	}
	for from, want := range map[string]bool{"203.0.113.7": false, "203.0.113.8": true, "198.51.100.2": true, "198.51.100.4": false, "2001:db8:1::7": true} {
		if got := r.land.arrives(t, in, netip.MustParseAddr(from)); got != want {
			t.Errorf("after the change %s arrives: %v", from, got)
		}
	}
	r.proc.Troubled = true // by what it reads now
	r.publish("tor.txt", "<html>\n<body>\n")
	r.eventually("a page is no list, and that is said", 30*time.Second, func() bool {
		return r.list("tor").Prefixes == 1 && strings.Contains(r.haechi("status").Out, "the deny list tor is not what its file says")
	})
	s = r.land.stream(netip.MustParseAddr("203.0.113.7"), in, 500*time.Microsecond)
	r.proc.Kill()
	r.publish("drop.txt", many(50_000)+"203.0.113.7\n203.0.113.9\n")
	r.start() // with a list that it cannot read: that stays, and the others go on
	r.proc.Troubled = true
	s.Close(t)
	if sent, came := s.Count(); sent < 100 || came > 0 {
		t.Errorf("%d of %d packets slipped through a kill", came, sent)
	}
	if r.land.arrives(t, in, netip.MustParseAddr("198.51.100.4")) {
		t.Error("a list that cannot be read any more is no longer in force")
	}
	if r.land.arrives(t, in, netip.MustParseAddr("203.0.113.9")) {
		t.Error("a list that cannot be read keeps another from the kernel")
	}
	r.publish("tor.txt", "")
	r.eventually("an empty file is an empty list", 30*time.Second, func() bool { return r.land.arrives(t, in, netip.MustParseAddr("198.51.100.4")) })
}

// many are as many addresses, one on each line.
func many(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "20.%d.%d.%d\n", i>>16, i>>8&255, i&255)
	}
	return text.String()
}

// TestTheShieldHoldsTheLists: the shield process reads them by itself, confined as it is,
// whatever the gateway knows; and the gateway says what they drop.
func TestTheShieldHoldsTheLists(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ kernel: nft, socket: DIR/run/shield.sock, "+twoLists+" }")
	in := r.land.listen(t)
	weak := powerless(t, r)
	r.publish("drop.txt", "203.0.113.0/24\n")
	r.publish("tor.txt", "198.51.100.1\n")
	r.publish("maybe.txt", "")
	r.whole()
	r.run(weak)
	if r.land.arrives(t, in, netip.MustParseAddr("203.0.113.7")) || r.list("drop").Packets != 1 {
		t.Errorf("status: %+v", r.list("drop"))
	}
	r.publish("drop.txt", "203.0.113.8\n")
	r.eventually("the shield takes the change over", 30*time.Second, func() bool { return r.land.arrives(t, in, netip.MustParseAddr("203.0.113.7")) })
	if r.land.arrives(t, in, netip.MustParseAddr("203.0.113.8")) {
		t.Error("what is new is not in force")
	}
}

// stay is an honest client that goes on after its first answer.
func (s *siege) stay(from string) (c net.Conn) {
	s.t.Helper()
	err := s.land.strangers.Do(func() (err error) {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)), Timeout: 10 * time.Second, Control: netnstest.AnySource}
		c, err = d.Dial("tcp", "10.77.0.1:7000")
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write([]byte("x")); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		s.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Time{})
	return c
}

// TestListsInProcess: without the kernel a list still refuses, says why in both languages,
// and counts, and cuts who is connected when he comes on it; one in shadow only counts.
func TestListsInProcess(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ kernel: off, "+twoLists+" }")
	text, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.config, []byte(strings.Replace(string(text), `"10.77.0.9:7001"`, `"10.77.0.1:7001"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.land.strangers.Run(t, "ip", "route", "add", "local", "203.0.113.0/24", "dev", "lo")
	echo(t, r.land.guarded, "10.77.0.1:7001")
	r.publish("drop.txt", "203.0.113.7\n")
	r.publish("tor.txt", "")
	r.publish("maybe.txt", "203.0.113.8\n")
	r.start()
	s := &siege{r}
	s.eventually("the service is open", time.Minute, func() bool { return s.visit("203.0.113.9", 5*time.Second) == nil })
	if err := s.visit("203.0.113.7", 10*time.Second); err == nil {
		t.Error("who is on a list was served")
	}
	if err := s.visit("203.0.113.8", 10*time.Second); err != nil {
		t.Errorf("shadow refused: %v", err)
	}
	stays, goes := s.stay("203.0.113.8"), s.stay("203.0.113.9")
	r.publish("drop.txt", "203.0.113.7\n203.0.113.9\n")
	s.eventually("who is listed while he is connected is cut", 30*time.Second, func() bool {
		_ = goes.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, err := goes.Read(make([]byte, 1))
		return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
	})
	if _, err := stays.Write([]byte("x")); err != nil {
		t.Errorf("shadow cut: %v", err)
	}
	_ = stays.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(stays, make([]byte, 1)); err != nil {
		t.Errorf("shadow cut: %v", err)
	}
	if a, b := r.list("drop"), r.list("maybe"); a.Refused == 0 || b.Refused == 0 || a.Packets != 0 {
		t.Errorf("status: %+v, %+v", a, b)
	}
	for lang, want := range map[string]string{"en": "the deny list drop", "ko": "차단 목록 drop"} {
		s.eventually("why explains it in "+lang, 10*time.Second, func() bool { return strings.Contains(r.haechi("why", "203.0.113.7", "--lang", lang).Out, want) })
	}
}
