package signature_test

import (
	"fmt"
	"runtime"
	"testing"

	"haechi"
	"haechi/internal/identity/signature"
)

// What a device costs that has proved itself once and is silent: there may be
// thousands of them.
func TestMemoryOfASilentDevice(t *testing.T) {
	const n, most = 5000, 400
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
	t.Logf("%.0f bytes a device", each)
	if each > most {
		t.Errorf("%.0f bytes a device, at most %d", each, most)
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
