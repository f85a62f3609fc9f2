package devicegate

import (
	"testing"
	"unsafe"
)

// A session is held for every connection, and most of them do nothing: it stays within
// one of the allocator's sizes, and one that nothing of a handshake has: who shares the
// allocator's pages with what is soon garbage holds them alone later.
func TestSessionIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(session{}); n > 176 {
		t.Errorf("a session has %d bytes, at most 176", n)
	}
}
