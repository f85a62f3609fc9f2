package session_test

import (
	"fmt"
	"runtime"
	"testing"

	"haechi"
	"haechi/internal/enforce/enforcetest"
	"haechi/internal/enforce/session"
)

func TestBytesASession(t *testing.T) {
	e, _ := at(session.Config{})
	const n = 20_000
	var a, b runtime.MemStats
	names := make([]haechi.Actor, n)
	for i := range names {
		names[i] = enforcetest.Device(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), fmt.Sprintf("LOA.i/%d", i))
	}
	cut := func(haechi.Verdict) {}
	runtime.GC()
	runtime.ReadMemStats(&a)
	for i := range names {
		e.Open("bots", names[i], cut)
	}
	runtime.GC()
	runtime.ReadMemStats(&b)
	per := (int64(b.HeapAlloc) - int64(a.HeapAlloc)) / n
	t.Logf("%d bytes a session", per)
	if per > 192 {
		t.Errorf("%d bytes a session, at most 192", per)
	}
	runtime.KeepAlive(e)
	runtime.KeepAlive(names)
}
