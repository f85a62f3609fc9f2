package child

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Account is who the program runs as.
type Account struct {
	UID, GID uint32
	Groups   []uint32 // besides GID
	Keep     []int    // capabilities that the program has all the same, by linux/capability.h
}

// Program is what is run.
type Program struct {
	Path   string
	Args   []string
	Env    []string // nil: as this process
	As     *Account // nil: as this process
	Stdout io.Writer
	Stderr io.Writer
	// Grace is how long it may take to end once it is asked; then it is killed.
	Grace time.Duration
	// Started is told its number each time it runs; nil: nobody.
	Started func(pid int)
}

// Run runs the program once, until it ends or ctx does. A program that ends well, or by the
// SIGTERM that it got when ctx ended, is no error; otherwise the error is that of
// [exec.Cmd.Wait], or says why it could not be started.
func (p *Program) Run(ctx context.Context) error {
	// The kernel tells the program of the end of the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, p.Path, p.Args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.Env, p.Stdout, p.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = p.Grace
	// A group of its own: what a terminal sends goes to this process, which asks in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	p.become(cmd.SysProcAttr)
	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if p.Started != nil {
		p.Started(cmd.Process.Pid)
	}
	err := cmd.Wait()
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || terminated(cmd.ProcessState)) {
		return nil
	}
	return err
}

func (p *Program) become(a *syscall.SysProcAttr) {
	if p.As == nil {
		return
	}
	a.Credential = &syscall.Credential{Uid: p.As.UID, Gid: p.As.GID, Groups: p.As.Groups}
	for _, c := range p.As.Keep {
		a.AmbientCaps = append(a.AmbientCaps, uintptr(c))
	}
}

// terminated reports whether SIGTERM ended it, which it had not learnt to hear yet.
func terminated(s *os.ProcessState) bool {
	w, ok := s.Sys().(syscall.WaitStatus)
	return ok && w.Signaled() && w.Signal() == syscall.SIGTERM
}

// First is a writer that calls a function at the first write, and forgets what is written.
func First(call func()) io.Writer { return &first{call: call} }

type first struct {
	once sync.Once
	call func()
}

// Write implements io.Writer.
func (f *first) Write(b []byte) (int, error) {
	f.once.Do(f.call)
	return len(b), nil
}
