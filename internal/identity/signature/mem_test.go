package signature_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/signature"
)

// What a device costs that has proved itself once and is silent: there may be
// thousands of them.
func TestMemoryOfASilentDevice(t *testing.T) {
	const n, active, most = 5000, 350, 110
	keys := keyring{}
	claims := make([]haechi.Claim, n)
	for i := range claims {
		name := fmt.Sprintf("LOA.i/%016x", i)
		keys[name] = []haechi.Key{vectorKey()}
		claims[i] = claim(name, vectorKey(), vectorTime, uint64(i), "frame")
	}
	v := signature.New(signature.Config{}, keys)
	before := liveHeap()
	for i := range claims {
		wantReason(t, v.Prove(&claims[i], vectorTime), "")
	}
	each := float64(liveHeap()-before) / n
	v.Rest(vectorTime)
	spoke := float64(liveHeap()-before) / n
	for i := range claims {
		v.TakeClock(claims[i].Device) // as the registry does
	}
	v.Rest(vectorTime.Add(time.Minute))
	silent := float64(liveHeap()-before) / n
	t.Logf("%.0f bytes a device, %.0f at rest", each, silent)
	if each > active || silent > most || spoke < each-1 {
		t.Errorf("%.0f bytes a device, at most %d; %.0f at rest, at most %d; %.0f with a rest just after it spoke", each, active, silent, most, spoke)
	}
	for i := range claims {
		if p := v.Prove(&claims[i], vectorTime); !p.Duplicate {
			t.Fatalf("after a rest a frame is not known again: %+v", p)
		}
	}
	runtime.KeepAlive(claims)
	runtime.KeepAlive(v)
}

func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
