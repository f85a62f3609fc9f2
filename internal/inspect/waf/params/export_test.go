package params

import "unsafe"

// EntrySize is of one parameter, without its names, in bytes.
func EntrySize() uintptr { return unsafe.Sizeof(entry{}) }

// KindOf is the kind of a value.
func KindOf(value string) string {
	l := New(Config{Parameters: ways})
	s := sight{of: &l.traits}
	for i := range len(value) {
		s.add(value[i])
	}
	return s.kind().String()
}
