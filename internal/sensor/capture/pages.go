package capture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pages lend a regular file's bytes as the kernel has them, a window at a time, so that
// those that nobody looks at are never copied.
type pages struct {
	file   *os.File
	at     int64 // of the window in the file
	window []byte
	size   int64 // of a whole window
	told   int64
	passed func(n int64)
}

// Windows begin small and double: the more is mapped at once, the less often processors are
// told that it is gone. The first is a multiple of every page's size, and holds the longest
// frame many times.
const (
	firstWindow = 4 << 20
	mostWindow  = 64 << 20
)

var errShorter = errors.New("the file became shorter while it was read")

// from lends what begins at offset at, and says where in it that is. The window before is
// gone then. The error is io.EOF where the file ends there.
func (p *pages) from(at int64) (b []byte, begin int, err error) {
	if err := p.close(); err != nil {
		return nil, 0, err
	}
	st, err := p.file.Stat() // again for each window: it may grow, and be cut
	if err != nil {
		return nil, 0, err
	}
	switch size := st.Size(); {
	case size < at:
		return nil, 0, errShorter
	case size == at:
		return nil, 0, io.EOF
	}
	p.at = at &^ int64(os.Getpagesize()-1)
	p.size = min(max(2*p.size, firstWindow), mostWindow)
	n := min(st.Size()-p.at, p.size)
	// Pages are filled in as they are looked at, sixteen at a time: to ask for all of them at
	// once (MAP_POPULATE) walks them one by one.
	if p.window, err = unix.Mmap(int(p.file.Fd()), p.at, int(n), unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return nil, 0, fmt.Errorf("map the file: %w", err)
	}
	p.soon(n)
	p.passed(p.at + n - p.told)
	p.told = p.at + n
	return p.window, int(at - p.at), nil
}

// soon asks for the window after this one of n bytes, and for the first one as well; where
// that is not possible it is read when it is due.
func (p *pages) soon(n int64) {
	from, size := p.at+n, p.size
	if p.told == 0 {
		from, size = p.at, n+p.size
	}
	_ = unix.Fadvise(int(p.file.Fd()), from, size, unix.FADV_WILLNEED)
}

// lends reports whether an address is one of the window.
func (p *pages) lends(addr uintptr) bool {
	return p.window != nil && addr-uintptr(unsafe.Pointer(&p.window[0])) < uintptr(len(p.window))
}

func (p *pages) close() error {
	if p.window == nil {
		return nil
	}
	b := p.window
	p.window = nil
	return unix.Munmap(b)
}

// guard runs what looks at the window. Bytes of a file that another program cut meanwhile
// are none any more: looking at them is a fault of memory, which ends the process unless
// somebody says otherwise.
func (p *pages) guard(use func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }:
			if !p.lends(r.Addr()) {
				panic(r)
			}
			err = unreadable(errShorter)
		default:
			panic(r)
		}
	}()
	return use()
}
