package devices

import (
	"testing"
	"unsafe"
)

// There is an entry for every device that was ever registered, connected or not: it
// stays within one of the allocator's sizes.
func TestEntryIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(entry{}); n > 704 {
		t.Errorf("an entry has %d bytes, at most 704", n)
	}
}
