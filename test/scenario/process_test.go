package scenario_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a started haechi.
type process struct {
	t        *testing.T
	cmd      *exec.Cmd
	out, err syncBuffer
	done     chan struct{} // closed when it has ended
	killed   bool
	troubled bool // it may report errors
}

// syncBuffer is a buffer that may be read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// command prepares haechi. The race detector reports as it goes, and does not
// delay the end.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "NO_COLOR=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// startProcess starts haechi; it is stopped with the test, and must have ended well.
func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: command(args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the state says how it ended
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("what the gateway logged:\n%s", p.errors())
		}
	})
	return p
}

func (p *process) over() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signal sends a signal to the process.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// stop ends it as an operator would, and wants a clean end.
func (p *process) stop() {
	p.t.Helper()
	if !p.over() {
		p.signal(syscall.SIGTERM)
	}
	p.wait(25 * time.Second)
}

// wait waits for the end, and wants it clean unless it was killed.
func (p *process) wait(limit time.Duration) {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(limit):
		_ = p.cmd.Process.Kill() // it is reported below
		<-p.done
		p.t.Errorf("haechi did not end within %s", limit)
		return
	}
	log := p.err.String()
	if strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic") {
		p.t.Errorf("the gateway is broken:\n%s", log)
	}
	if strings.Contains(log, "level=ERROR") && !p.killed && !p.troubled {
		p.t.Errorf("the gateway reports trouble:\n%s", p.errors())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 && !p.killed {
		p.t.Errorf("haechi ended with %d:\n%s", code, p.errors())
	}
}

// kill ends it as a power cut would end the process.
func (p *process) kill() {
	p.t.Helper()
	p.killed = true
	p.signal(syscall.SIGKILL)
	<-p.done
}

// errors is the end of what it logged.
func (p *process) errors() string {
	log := p.err.String()
	return log[max(0, len(log)-6000):]
}

// answer is what a command came back with.
type answer struct {
	out, err string
	code     int
}

// cli runs a command against the rig's gateway.
func (r *rig) cli(args ...string) answer {
	r.t.Helper()
	cmd := command(append(args, "--config", r.config())...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		r.t.Fatal(err)
	}
	if strings.Contains(errs.String(), "DATA RACE") {
		r.t.Errorf("haechi %v: %s", args, errs.String())
	}
	return answer{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// ok runs a command that must succeed.
func (r *rig) ok(args ...string) string {
	r.t.Helper()
	a := r.cli(args...)
	if a.code != 0 {
		r.t.Fatalf("haechi %s: exit code %d: %s", strings.Join(args, " "), a.code, a.err)
	}
	return a.out
}

// fails runs a command that must fail with the code and say each of the texts.
func (r *rig) fails(code int, texts []string, args ...string) {
	r.t.Helper()
	a := r.cli(args...)
	if a.code != code {
		r.t.Errorf("haechi %s: exit code %d, want %d: %s%s", strings.Join(args, " "), a.code, code, a.out, a.err)
	}
	for _, text := range texts {
		if !strings.Contains(a.err, text) {
			r.t.Errorf("haechi %s does not say %q: %s", strings.Join(args, " "), text, a.err)
		}
	}
}

// asked runs a command with --json that must succeed, and reads its answer.
func asked[T any](r *rig, args ...string) (v T) {
	r.t.Helper()
	out := r.ok(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		r.t.Fatalf("haechi %s --json: %v: %s", strings.Join(args, " "), err, out)
	}
	return v
}
