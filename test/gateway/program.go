package gateway

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// unwatched are the packages of others that the race detector leaves out.
//
//go:embed unwatched.txt
var unwatched string // read only

// Program is the built binary.
type Program struct {
	path string
	in   []string // the program that starts it, with its arguments
}

// Ready is the variable of the environment that names a program which was built already,
// as the tests are: linking it takes longer than many a test that starts it.
const Ready = "HAECHI_PROGRAM"

// Build builds haechi into a folder of its own, which remove takes away, under the race
// detector when the tests are. It takes the one that [Ready] names, if it does.
func Build() (p Program, remove func(), err error) {
	if path := os.Getenv(Ready); path != "" {
		_, err := os.Stat(path)
		return Program{path: path}, func() {}, err
	}
	dir, err := os.MkdirTemp("", "haechi-program-")
	if err != nil {
		return p, func() {}, err
	}
	remove = func() { _ = os.RemoveAll(dir) } // what is left of it is only space
	p, err = build(filepath.Join(dir, "haechi"), Race())
	return p, remove, err
}

// Released builds haechi as it is released, beside p: what a process does about its own
// threads is another thing with cgo, which the race detector needs.
func (p Program) Released() (Program, error) {
	return build(filepath.Join(filepath.Dir(p.path), "released"), false)
}

func build(path string, race bool) (p Program, err error) {
	p.path = path
	flags, cgo := []string{"-race=false"}, "CGO_ENABLED=0"
	if race { // as test/run.sh does
		flags, cgo = []string{"-race", "-gcflags=all=-dwarf=false"}, "CGO_ENABLED=1"
		for _, own := range strings.Fields(unwatched) {
			flags = append(flags, "-gcflags="+own+"=-race=false -dwarf=false")
		}
	}
	cmd := exec.Command("go", append(append([]string{"build"}, flags...), "-ldflags=-s -w", "-o", p.path, "haechi/cmd/haechi")...)
	cmd.Env = append(os.Environ(), cgo)
	if out, err := cmd.CombinedOutput(); err != nil {
		return p, fmt.Errorf("build the gateway: %w\n%s", err, out)
	}
	return p, nil
}

// Race reports whether programs are built with the race detector, which takes several
// times the memory.
func Race() bool { return race }

// In is the program as another one starts it, which must become it: nsenter, setpriv.
func (p Program) In(starter ...string) Program {
	p.in = append(starter[:len(starter):len(starter)], p.in...)
	return p
}

// Path is where the binary is.
func (p Program) Path() string { return p.path }

// Command prepares a command of haechi. The race detector reports as it goes, and
// does not delay the end.
func (p Program) Command(args ...string) *exec.Cmd {
	all := append(append(p.in[:len(p.in):len(p.in)], p.path), args...)
	cmd := exec.Command(all[0], all[1:]...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "NO_COLOR=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Answer is what a command came back with.
type Answer struct {
	Out, Err string
	Code     int
}

// Run runs a command to its end.
func (p Program) Run(t testing.TB, args ...string) Answer {
	t.Helper()
	cmd := p.Command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if strings.Contains(errs.String(), "DATA RACE") {
		t.Errorf("haechi %v: %s", args, errs.String())
	}
	return Answer{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}
