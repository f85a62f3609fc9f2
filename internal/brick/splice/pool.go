package splice

import (
	"sync"
	"sync/atomic"
	"syscall"
)

const (
	pipeSize  = 256 << 10 // bytes; the kernel's default is 64 KiB
	setPipeSz = 1031      // F_SETPIPE_SZ, which package syscall does not name
	keep      = 16        // empty pipes that are kept for the next bytes
)

// Pool is a bounded number of pipes. It is safe for concurrent use.
type Pool struct {
	most    int
	refused atomic.Uint64

	mu     sync.Mutex
	free   []*pipe // empty, at most keep
	taken  int
	closed bool
}

// pipe is one pipe of the kernel.
type pipe struct{ r, w int }

// New makes a pool of at most so many pipes, each of two descriptors. None is opened
// yet.
func New(most int) *Pool { return &Pool{most: most} }

// Stats are how many pipes are in use, how many are kept open for the next use, and
// how often there was none.
type Stats struct {
	Taken, Kept int
	Refused     uint64
}

// Stats reads the pool's counters.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Taken: p.taken, Kept: len(p.free), Refused: p.refused.Load()}
}

// Close closes the pipes that are kept; those in use are closed as they come back.
func (p *Pool) Close() {
	p.mu.Lock()
	free := p.free
	p.free, p.closed = nil, true
	p.mu.Unlock()
	for _, one := range free {
		one.close()
	}
}

// get takes an empty pipe, or returns nil.
func (p *Pool) get() *pipe {
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		one := p.free[n-1]
		p.free = p.free[:n-1]
		p.taken++
		p.mu.Unlock()
		return one
	}
	if p.taken >= p.most || p.closed {
		p.mu.Unlock()
		p.refused.Add(1)
		return nil
	}
	p.taken++
	p.mu.Unlock()
	one, err := open()
	if err != nil { // no descriptors left: bytes can still be copied
		p.mu.Lock()
		p.taken--
		p.mu.Unlock()
		p.refused.Add(1)
		return nil
	}
	return one
}

// put takes an empty pipe back.
func (p *Pool) put(one *pipe) {
	p.mu.Lock()
	p.taken--
	kept := !p.closed && len(p.free) < keep
	if kept {
		p.free = append(p.free, one)
	}
	p.mu.Unlock()
	if !kept {
		one.close()
	}
}

// drop takes a pipe back that still holds bytes.
func (p *Pool) drop(one *pipe) {
	p.mu.Lock()
	p.taken--
	p.mu.Unlock()
	one.close()
}

func open() (*pipe, error) {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		return nil, err
	}
	// A larger pipe moves more in one call; without it the smaller one does.
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(fds[0]), setPipeSz, pipeSize)
	return &pipe{r: fds[0], w: fds[1]}, nil
}

func (p *pipe) close() {
	_ = syscall.Close(p.r) // an error of close leaves nothing to do
	_ = syscall.Close(p.w)
}
