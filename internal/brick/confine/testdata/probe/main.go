// Probe confines itself and tells what it can do then, on a thread that was there before
// and on a new one: probe READABLE WRITABLE FORBIDDEN, as JSON.
package main

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"haechi/internal/brick/confine"
)

type answer struct {
	Layers map[string]string            // empty: it holds
	Held   map[string]confine.Held      // as it is answered
	Tries  map[string]map[string]string // thread, what was tried, error
	Status map[string]string            // of /proc/self/status
}

func main() {
	ask, told := make(chan bool), make(chan map[string]string)
	ready := make(chan bool)
	go func() {
		runtime.LockOSThread()
		ready <- true
		<-ask
		told <- tries()
	}()
	<-ready
	a := answer{Layers: map[string]string{}, Held: map[string]confine.Held{}, Tries: map[string]map[string]string{}, Status: map[string]string{}}
	for _, l := range confine.Apply(policy()) {
		a.Held[l.Name], a.Layers[l.Name] = l.Held, text(l.Err)
	}
	ask <- true
	a.Tries["old"] = <-told
	go func() {
		runtime.LockOSThread()
		told <- tries()
	}()
	a.Tries["new"] = <-told
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		a.Status[name] = strings.TrimSpace(value)
	}
	_ = json.NewEncoder(os.Stdout).Encode(a)
}

// policy is that of a shield, or what PROBE says.
func policy() confine.Policy {
	p := confine.Policy{Keep: []int{unix.CAP_NET_ADMIN}, Read: []string{os.Args[1], "/proc"}, Write: []string{os.Args[2], "/not/there"},
		Sockets: []int{unix.AF_UNIX, unix.AF_NETLINK, unix.AF_PACKET}}
	switch os.Getenv("PROBE") {
	case "serves":
		p.Read, p.TCP, p.Unbound, p.Sockets = []string{"/"}, true, true, []int{unix.AF_UNIX, unix.AF_INET}
	case "starts":
		p.Exec, p.Sockets = true, []int{unix.AF_UNIX, unix.AF_INET, unix.AF_NETLINK}
	}
	return p
}

// become tries to become another program, where that must fail.
func become() error {
	if os.Getenv("PROBE") == "starts" {
		return nil
	}
	return syscall.Exec("/proc/self/exe", os.Args, nil)
}

// child starts a program.
func child() error {
	cmd := exec.Command("/bin/true")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

// move writes a file and moves it into a folder below.
func move() error {
	one, below := filepath.Join(os.Args[2], "one"), filepath.Join(os.Args[2], "below")
	defer os.RemoveAll(below)
	return errors.Join(os.Mkdir(below, 0o700), os.WriteFile(one, nil, 0o600), os.Rename(one, filepath.Join(below, "one")))
}

// tcp listens and connects.
func tcp() error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err == nil {
		err = c.Close()
	}
	return err
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func read(path string) error {
	_, err := os.ReadFile(path)
	return err
}

func socket(family int) error {
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}

func tries() map[string]string {
	own := filepath.Join(os.Args[2], "own")
	_, _, keys := syscall.RawSyscall(unix.SYS_KEYCTL, 0, 0, 0)
	_, _, user := syscall.RawSyscall6(unix.SYS_CLONE, unix.CLONE_NEWUSER, 0, 0, 0, 0, 0)
	if user == 0 { // a child, which must not be
		os.Exit(3)
	}
	_, err := net.InterfaceAddrs()
	return map[string]string{
		"read": text(read(filepath.Join(os.Args[1], "file"))), "read proc": text(read("/proc/net/route")),
		"write": text(os.WriteFile(own, []byte("x"), 0o600)), "remove": text(os.Remove(own)), "addresses": text(err),
		"netlink": text(netlink()), "move": text(move()), "tcp": text(tcp()), "child": text(child()),

		"read forbidden": text(read(os.Args[3])), "write readable": text(os.WriteFile(filepath.Join(os.Args[1], "new"), nil, 0o600)),
		"remove forbidden": text(os.Remove(os.Args[3])), "link": text(os.Symlink("/", own)),
		"execve": text(become()), "ptrace": text(unix.PtraceAttach(1)),
		"mount": text(unix.Mount("none", os.Args[2], "tmpfs", 0, "")), "unshare": text(unix.Unshare(unix.CLONE_NEWNS)),
		"clone": text(user), "keyctl": text(keys), "module": text(unix.DeleteModule("haechi_none", 0)),
		"inet": text(socket(unix.AF_INET)), "chown": text(os.Chown(os.Args[2], 1, 1)), "setuid": text(unix.Setreuid(65534, 0)),
	}
}

func netlink() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err
}
