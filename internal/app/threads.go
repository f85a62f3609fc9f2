package app

import (
	"runtime"
	"runtime/metrics"
)

// threadsKept is how many threads a gateway at rest keeps. A dozen do what there is to do
// then; more come within microseconds.
const threadsKept = 12

// shedThreads ends threads that a busy time needed, one for each call that blocked in the
// kernel at the same moment. The runtime keeps all of them for ever, each with 48 KiB of
// stacks; but a goroutine that ends while it is locked to its thread takes that along.
func shedThreads() {
	s := []metrics.Sample{{Name: "/sched/threads/total:threads"}}
	metrics.Read(s)
	for n := s[0].Value.Uint64(); n > threadsKept; n-- {
		locked := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(locked)
		}()
		<-locked
	}
}
