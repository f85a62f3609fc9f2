package slowhttp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Workers is how many requests the weak server works on at a time.
const Workers = 8

// Missing says which programs are not on this machine.
func Missing() (out []string) {
	for name, path := range map[string]string{"slowhttptest": "/usr/bin/slowhttptest", "apache2-bin": apache} {
		if _, err := os.Stat(path); err != nil {
			out = append(out, name)
		}
	}
	return out
}

const (
	apache  = "/usr/sbin/apache2"
	modules = "/usr/lib/apache2/modules/"
)

// mod_reqtimeout as in Debian's mods-available/reqtimeout.conf.
const settings = `ServerRoot "%[1]s"
ServerName localhost
PidFile "%[1]s/pid"
ErrorLog "%[1]s/error.log"
Listen %[2]s
LoadModule mpm_prefork_module %[3]smod_mpm_prefork.so
LoadModule authz_core_module %[3]smod_authz_core.so
LoadModule reqtimeout_module %[3]smod_reqtimeout.so
RequestReadTimeout header=20-40,minrate=500
RequestReadTimeout body=10,minrate=500
StartServers %[4]d
MinSpareServers %[4]d
MaxSpareServers %[4]d
ServerLimit %[4]d
MaxRequestWorkers %[4]d
User nobody
Group nogroup
DocumentRoot "%[1]s/www"
`

// Apache is the running weak server.
type Apache struct {
	dir  string
	cmd  *exec.Cmd
	said bytes.Buffer
	done chan struct{}
}

// StartApache starts it on the address, which is host:port, and waits until it answers.
// It serves /small of 1 KiB and /big of 512 KiB.
func StartApache(ctx context.Context, addr string) (*Apache, error) {
	dir, err := os.MkdirTemp("", "slowhttp")
	if err != nil {
		return nil, err
	}
	a := &Apache{dir: dir, done: make(chan struct{})}
	if err := a.start(ctx, addr); err != nil {
		return nil, errors.Join(err, a.Stop())
	}
	return a, nil
}

func (a *Apache) start(ctx context.Context, addr string) error {
	www := filepath.Join(a.dir, "www")
	conf := fmt.Sprintf(settings, a.dir, addr, modules, Workers)
	err := errors.Join(os.Chmod(a.dir, 0o755), os.Mkdir(www, 0o755),
		os.WriteFile(filepath.Join(www, "small"), bytes.Repeat([]byte("s"), 1<<10), 0o644),
		os.WriteFile(filepath.Join(www, "big"), bytes.Repeat([]byte("b"), 512<<10), 0o644),
		os.WriteFile(filepath.Join(a.dir, "conf"), []byte(conf), 0o644))
	if err != nil {
		return err
	}
	a.cmd = exec.Command(apache, "-f", filepath.Join(a.dir, "conf"), "-DFOREGROUND")
	a.cmd.Stdout, a.cmd.Stderr = &a.said, &a.said
	// A group of its own: Apache ends its whole group.
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := a.cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(a.done)
		_ = a.cmd.Wait() // it ends by a signal
	}()
	return a.listening(ctx, addr)
}

func (a *Apache) listening(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-a.done:
			return fmt.Errorf("apache ended: %s", strings.TrimSpace(a.said.String()))
		case <-ctx.Done():
			return fmt.Errorf("apache does not listen: %w", err)
		case <-tick.C:
		}
	}
}

// Stop ends it and its workers, and removes its files.
func (a *Apache) Stop() error {
	if a.cmd != nil && a.cmd.Process != nil {
		_ = a.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-a.done:
		case <-time.After(10 * time.Second):
			_ = a.cmd.Process.Kill()
			<-a.done
		}
	}
	return os.RemoveAll(a.dir)
}
