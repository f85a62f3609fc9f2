package devicegate

import (
	"testing"
	"unsafe"
)

// A session is held for every connection, and most of them do nothing: it stays within
// one of the allocator's sizes.
func TestSessionIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(session{}); n > 256 {
		t.Errorf("a session has %d bytes, at most 256", n)
	}
}
