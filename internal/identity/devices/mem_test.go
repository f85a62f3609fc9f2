package devices_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/devices"
)

// copied is the text in memory of its own, as a database's driver gives it.
func copied(text string) string { return strings.Clone(text) }

// What a device costs that is in the registry, connected or not: there may be hundreds
// of thousands. Measured without what the store keeps.
func TestMemoryOfADevice(t *testing.T) {
	const n, most = 5000, 1350
	now := time.Now()
	key := func(i int) string { return fmt.Sprintf("LOA.i/%016x", i) }
	begun := liveHeap()
	none, err := devices.Open(t.Context(), devices.Config{Now: func() time.Time { return now }}, newStore())
	if err != nil {
		t.Fatal(err)
	}
	before := liveHeap()
	t.Logf("%d bytes with no device", before-begun)
	s := newStore()
	for i := range n {
		k := key(i)
		s.devices[k] = haechi.Device{Key: k, Bot: copied("LOA.i"), Serial: copied(k[len("LOA.i/"):]), Service: copied("bots"), Status: haechi.Approved,
			By: copied("operator"), ChangedAt: now, ClientType: copied("MessengerBotR"), Version: copied("3.3.3"), Addr: fmt.Sprint("192.0.2.", i%256),
			FirstSeen: now, LastSeen: now, LastPing: now, UUID: copied(k[len("LOA.i/"):]),
			Skew: haechi.ClockSkew{Last: time.Second, Min: -time.Second, Max: 2 * time.Second, At: now}}
		s.keys[k] = []haechi.Key{{ID: copied("k1"), Secret: haechi.Secret(copied(strings.Repeat("s", 43))), Salt: haechi.Secret(copied(strings.Repeat("t", 22))), Created: now}}
	}
	r, err := devices.Open(t.Context(), devices.Config{Now: func() time.Time { return now }}, s)
	if err != nil {
		t.Fatal(err)
	}
	s.set(func(s *store) { s.devices, s.keys = nil, nil })
	each := float64(liveHeap()-before-(before-begun)) / n
	t.Logf("%.0f bytes a device", each)
	if each > most {
		t.Errorf("%.0f bytes a device, at most %d", each, most)
	}
	if d, ok := r.Lookup(key(7)); !ok || d.Bot != "LOA.i" || d.Serial != fmt.Sprintf("%016x", 7) || d.Service != "bots" || d.Version != "3.3.3" {
		t.Errorf("it is %+v", d)
	}
	runtime.KeepAlive(none)
	runtime.KeepAlive(r)
}

func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
