package procnet_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"haechi"
	"haechi/internal/sensor/procnet"
)

// proc is /proc/net as a kernel without traffic writes it.
type proc struct {
	dev, snmp, netstat, snmp6 string
}

func (p proc) files() fstest.MapFS {
	out := fstest.MapFS{"dev": {Data: []byte(p.dev)}, "snmp": {Data: []byte(p.snmp)}, "netstat": {Data: []byte(p.netstat)}}
	if p.snmp6 != "" {
		out["snmp6"] = &fstest.MapFile{Data: []byte(p.snmp6)}
	}
	return out
}

// at is /proc/net with an interface that counted so much and a machine that did.
func at(in, out, syn, pings, pings6 uint64) proc {
	return proc{
		dev: "Inter-|   Receive                                                |  Transmit\n" +
			" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n" +
			fmt.Sprintf("    lo: %d 9 0 0 0 0 0 0 %d 9 0 0 0 0 0 0\n  eth0:%d %d 0 0 0 0 0 0 %d %d 0 0 0 0 0 0\n", in*7, in*7, in, in/1000, out, out/1000),
		snmp: "Ip: Forwarding DefaultTTL ReasmReqds\nIp: 2 64 5\nIcmp: InMsgs InEchos\n" + fmt.Sprintf("Icmp: 7 %d\n", pings) +
			"Tcp: RtoAlgorithm MaxConn PassiveOpens\nTcp: 1 -1 7\n",
		netstat: fmt.Sprintf("TcpExt: SyncookiesSent SyncookiesRecv\nTcpExt: %d 3\n", syn),
		snmp6:   fmt.Sprintf("Ip6InReceives                   \t1\nIcmp6InEchos                    \t%d\n", pings6),
	}
}

type told struct {
	kind, name string
	n          uint64
	in, out    int64
	span       time.Duration
}

// readings reads one after the other, a second apart.
func readings(t *testing.T, ps ...proc) (all [][]told, s procnet.Stats) {
	t.Helper()
	files := fstest.MapFS{}
	m := procnet.New(files)
	now := time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)
	for _, p := range ps {
		clear(files)
		for name, f := range p.files() {
			files[name] = f
		}
		var of []told
		if err := m.Read(now, func(e *haechi.Event) {
			if e.Kind != haechi.KindCounted || !e.Time.Equal(now) || e.Sensor != "kernel" || e.Addr.IsValid() {
				t.Errorf("told %+v", e)
			}
			if e.Type == haechi.CountedAll {
				return
			}
			of = append(of, told{e.Type, e.Name, e.Count, e.BytesIn, e.BytesOut, e.Duration})
		}); err != nil {
			t.Fatal(err)
		}
		all = append(all, of)
		now = now.Add(time.Second)
	}
	return all, m.Stats()
}

// TestATotalIsNoRate: flaw F67.
func TestATotalIsNoRate(t *testing.T) {
	got, _ := readings(t, at(1e12, 1e12, 1e9, 1e9, 1e9), at(1e12, 1e12, 1e9, 1e9, 1e9), at(1e12, 1e12, 1e9, 1e9, 1e9))
	for i, of := range got {
		if len(of) != 0 {
			t.Errorf("reading %d of an idle machine tells %+v", i, of)
		}
	}
}

func TestWhatWasAddedIsTold(t *testing.T) {
	got, s := readings(t, at(1e12, 5e11, 100, 10, 20), at(1e12+1000, 5e11+2000, 130, 12, 25))
	want := []told{{"interface", "eth0", 0, 1000, 2000, time.Second}, {"syn_cookies_sent", "", 30, 0, 0, time.Second}, {"echo_requests", "", 7, 0, 0, time.Second}}
	if len(got[0]) != 0 || fmt.Sprint(got[1]) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if s.Interfaces != 1 || s.Readings != 2 {
		t.Errorf("%+v", s)
	}
}

func TestACounterThatBeginsAnewGivesNoRate(t *testing.T) {
	got, s := readings(t, at(1e12, 1e12, 1000, 0, 0), at(500, 500, 10, 0, 0), at(700, 500, 12, 0, 0))
	if len(got[1]) != 0 || s.Restarted != 2 {
		t.Errorf("after a restart %+v, %+v", got[1], s)
	}
	if len(got[2]) != 2 || got[2][0].in != 200 || got[2][1].n != 2 {
		t.Errorf("after that %+v", got[2])
	}
}

func TestAnInterfaceThatCameBackGivesNoRate(t *testing.T) {
	without := at(0, 0, 0, 0, 0)
	without.dev = "Inter-| x\n face | y\n"
	got, s := readings(t, at(1000, 1000, 0, 0, 0), without, at(1e12, 1e12, 0, 0, 0))
	if len(got[1])+len(got[2]) != 0 || s.Interfaces != 1 {
		t.Errorf("told %+v, %+v", got, s)
	}
}

func TestIPv6ThatComesLaterGivesNoRate(t *testing.T) {
	without := at(0, 0, 0, 0, 0)
	without.snmp6 = ""
	got, _ := readings(t, without, at(0, 0, 0, 0, 1e9), without, at(0, 0, 0, 0, 1e9+5))
	if len(got[1])+len(got[2]) != 0 || len(got[3]) != 1 || got[3][0].n != 5 {
		t.Errorf("told %+v", got)
	}
}

func TestNobodyBelievesWhatNoHardwareMoves(t *testing.T) {
	got, s := readings(t, at(0, 0, 0, 0, 0), at(1<<50, 0, 1<<50, 0, 0))
	if len(got[1]) != 0 || s.Refused != 2 {
		t.Errorf("told %+v, %+v", got[1], s)
	}
}

func TestInterfacesAreBounded(t *testing.T) {
	p := at(0, 0, 0, 0, 0)
	for i := range 300 {
		p.dev += fmt.Sprintf("veth%d: 1 0 0 0 0 0 0 0 1 0 0 0 0 0 0 0\n", i)
	}
	if _, s := readings(t, p, p); s.Interfaces != 256 || s.Refused == 0 {
		t.Errorf("%+v", s)
	}
}

func TestAMissingFileIsAnError(t *testing.T) {
	files := at(0, 0, 0, 0, 0).files()
	delete(files, "netstat")
	err := procnet.New(files).Read(time.Now(), func(*haechi.Event) {})
	if haechi.KindOf(err) != haechi.Unavailable || !strings.Contains(err.Error(), "netstat") {
		t.Errorf("got %v", err)
	}
}

// TestTheKernelsOwnFilesAreRead: the real ones of this machine.
func TestTheKernelsOwnFilesAreRead(t *testing.T) {
	m := procnet.New(os.DirFS("/proc/self/net"))
	now := time.Now()
	for i := range 2 {
		if err := m.Read(now.Add(time.Duration(i)*time.Second), func(e *haechi.Event) {
			if e.Type == haechi.CountedInterface && (e.Name == "" || e.Name == "lo") {
				t.Errorf("told of %+v", e)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReadingAllocatesLittle(t *testing.T) {
	m := procnet.New(os.DirFS("/proc/self/net"))
	now := time.Now()
	n := testing.AllocsPerRun(20, func() {
		now = now.Add(time.Second)
		_ = m.Read(now, func(*haechi.Event) {})
	})
	if n > 100 { // a second; opening four files is most of it
		t.Errorf("%v allocations for a reading", n)
	}
}

// FuzzRead: whatever the files hold, nothing is told without a reading before, nothing
// that was not added, and never of the loopback interface.
func FuzzRead(f *testing.F) {
	p := at(1e12, 1e12, 5, 5, 5)
	f.Add(p.dev, p.snmp, p.netstat, p.snmp6)
	f.Add("eth0:1 2", "Tcp: A\nUdp: B\nUdp: 1\n", "TcpExt:\nTcpExt:", "x")
	f.Add(":", ":\n:\n", "a: b c\na: 1", "Ip6ReasmReqds 1 2\n")
	f.Fuzz(func(t *testing.T, dev, snmp, netstat, snmp6 string) {
		files := proc{dev, snmp, netstat, snmp6}.files()
		m := procnet.New(files)
		now := time.Unix(1e9, 0)
		for i := range 3 {
			if i == 2 {
				for name, f := range (proc{snmp6, netstat, snmp, dev}).files() {
					files[name] = f
				}
			}
			if err := m.Read(now.Add(time.Duration(i)*time.Second), func(e *haechi.Event) {
				if e.Type == haechi.CountedAll {
					return
				}
				if i < 2 || e.Name == "lo" || e.BytesIn < 0 || e.BytesOut < 0 || e.Type == haechi.CountedInterface && e.Name == "" || e.Type != haechi.CountedInterface && e.Count == 0 {
					t.Fatalf("reading %d tells %+v", i, e)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
