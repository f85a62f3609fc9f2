package gateway

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a started haechi.
type Process struct {
	// Out and Err are what it wrote so far.
	Out, Err Buffer
	// Troubled says that it may report errors.
	Troubled bool

	t      testing.TB
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended
	killed bool
}

// Buffer is a buffer that may be read while it is written.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (s *Buffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// String is what was written so far.
func (s *Buffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// Start starts haechi; it is stopped with the test, and must have ended well.
func (p Program) Start(t testing.TB, args ...string) *Process {
	t.Helper()
	run := &Process{t: t, cmd: p.Command(args...), done: make(chan struct{})}
	run.cmd.Stdout, run.cmd.Stderr = &run.Out, &run.Err
	if err := run.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(run.done)
		_ = run.cmd.Wait() // the state says how it ended
	}()
	t.Cleanup(func() {
		run.Stop()
		if t.Failed() {
			t.Logf("what the gateway logged:\n%s", run.Errors())
		}
	})
	return run
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Over reports whether it has ended.
func (p *Process) Over() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Signal sends a signal to the process.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// Stop ends it as an operator would, and wants a clean end.
func (p *Process) Stop() {
	p.t.Helper()
	if !p.Over() {
		p.Signal(syscall.SIGTERM)
	}
	p.Wait(25 * time.Second)
}

// Wait waits for the end, for [Patient] of the limit, and wants it clean unless it was
// killed.
func (p *Process) Wait(limit time.Duration) {
	p.t.Helper()
	limit = Patient(limit)
	select {
	case <-p.done:
	case <-time.After(limit):
		_ = p.cmd.Process.Kill() // it is reported below
		<-p.done
		p.t.Errorf("haechi did not end within %s", limit)
		return
	}
	log := p.Err.String()
	if strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic") {
		p.t.Errorf("the gateway is broken:\n%s", log)
	}
	if strings.Contains(log, "level=ERROR") && !p.killed && !p.Troubled {
		p.t.Errorf("the gateway reports trouble:\n%s", p.Errors())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 && !p.killed {
		p.t.Errorf("haechi ended with %d:\n%s", code, p.Errors())
	}
}

// Kill ends it as a power cut would end the process.
func (p *Process) Kill() {
	p.t.Helper()
	p.killed = true
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Killed says that it was killed by other means than [Process.Kill].
func (p *Process) Killed() { p.killed = true }

// Errors is the end of what it logged.
func (p *Process) Errors() string {
	log := p.Err.String()
	return log[max(0, len(log)-6000):]
}
