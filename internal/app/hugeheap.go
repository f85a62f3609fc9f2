package app

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// hugeHeap is how much of the heap is asked for in huge pages, in bytes: the tables of a
// replay of some ten thousand conversations take about that much.
const hugeHeap = 64 << 20

// HugeHeap asks the kernel to back by huge pages what the heap grows by next, in a program
// that is about to replay files: each event is looked up in tables all over the heap, and
// of small pages a processor remembers the places of too few. Nothing of the room is
// touched yet. Where the kernel does not follow the advice, pages are small as ever.
func HugeHeap() {
	room := make([]byte, hugeHeap)
	_ = unix.Madvise(room, unix.MADV_HUGEPAGE) // it is advice
	runtime.GC()                               // the room is the heap's again
}
