package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The processors: one for what is measured, one for everything else.
const (
	measured = 0
	others   = 1
)

const (
	tick      = 10 * time.Millisecond // of utime and stime, on every Linux
	startTime = 10 * time.Second
	stopTime  = 20 * time.Second
)

// proc is one started server or helper: a process group of its own, bound to one
// processor.
type proc struct {
	name   string
	cmd    *exec.Cmd
	stderr bytes.Buffer
	done   chan struct{}
	err    error
}

// launch starts argv on a processor. Its standard output goes to out, which may be nil.
func launch(name string, cpu int, env []string, out *os.File, argv ...string) (*proc, error) {
	return launchWith(name, cpu, env, nil, out, argv...)
}

// launchWith gives it a standard input too.
func launchWith(name string, cpu int, env []string, in, out *os.File, argv ...string) (*proc, error) {
	p := &proc{name: name, done: make(chan struct{})}
	p.cmd = exec.Command("taskset", append([]string{"-c", strconv.Itoa(cpu)}, argv...)...)
	p.cmd.Env = append(os.Environ(), env...)
	if in != nil { // a nil file is not a nil interface
		p.cmd.Stdin = in
	}
	if out != nil {
		p.cmd.Stdout = out
	}
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// listening waits until the address accepts connections.
func (p *proc) listening(ctx context.Context, address string) error {
	deadline := time.After(startTime)
	for {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended (%w): %s", p.name, p.err, p.stderr.String())
		case <-deadline:
			return fmt.Errorf("%s does not listen on %s: %w: %s", p.name, address, err, p.stderr.String())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the process in order, and with force if it does not obey.
func (p *proc) stop() error {
	if p == nil {
		return nil
	}
	// An error means that it has ended already, which done will tell.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(stopTime):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
	return fmt.Errorf("%s did not stop within %v", p.name, stopTime)
}

// alive is an error if the process has ended.
func (p *proc) alive() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended (%v): %s", p.name, p.err, p.stderr.String())
	default:
		return nil
	}
}

// usage is what a process group has used so far, and holds.
type usage struct {
	cpu      time.Duration
	resident int64 // bytes of memory, shared pages by their share
	anon     int64 // of it anonymous
	fds      int
}

// usage adds up the group's processes.
func (p *proc) usage() (u usage, err error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return u, err
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		// The name, in parentheses, may hold anything.
		f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(f) < 22 || f[2] != strconv.Itoa(p.cmd.Process.Pid) {
			continue
		}
		user, uerr := strconv.ParseInt(f[11], 10, 64)
		system, serr := strconv.ParseInt(f[12], 10, 64)
		if err := errors.Join(uerr, serr); err != nil {
			return u, err
		}
		u.cpu += time.Duration(user+system) * tick
		resident, anon := memory(filepath.Dir(path))
		u.resident, u.anon = u.resident+resident, u.anon+anon
		if open, err := os.ReadDir(filepath.Join(filepath.Dir(path), "fd")); err == nil {
			u.fds += len(open)
		}
	}
	if u.fds == 0 {
		return u, p.alive()
	}
	return u, nil
}

// memory is a process's share of memory and of it the anonymous part, in bytes; 0 once
// it has ended.
func memory(dir string) (resident, anon int64) {
	text, _ := os.ReadFile(filepath.Join(dir, "smaps_rollup"))
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "Pss:":
			resident = n << 10
		case "Pss_Anon:":
			anon = n << 10
		}
	}
	return resident, anon
}

// busy is the time that a processor was not idle since the machine started.
func busy(cpu int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if f[0] != "cpu"+strconv.Itoa(cpu) {
			continue
		}
		var sum int64
		for i, v := range f[1:9] {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return 0, err
			}
			if i != 3 && i != 4 { // idle, waiting for disks
				sum += n
			}
		}
		return time.Duration(sum) * tick, nil
	}
	return 0, fmt.Errorf("processor %d is not there: the comparison needs two", cpu)
}

// freeAddresses fills in loopback addresses that nobody listens on.
func freeAddresses(into ...*string) error {
	for _, a := range into {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close() // after all have been found, so that they differ
		*a = l.Addr().String()
	}
	return nil
}
