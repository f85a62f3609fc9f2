package weakness_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// haproxy starts Debian's HAProxy in TCP mode, as it stands in front of such servers
// today: it passes bytes on and looks at none of them.
func haproxy(t *testing.T, dir, listen, server string) {
	t.Helper()
	path := "/usr/sbin/haproxy"
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%v: test/install.sh installs haproxy", err)
		}
		t.Skipf("%v: install Debian's haproxy, or run test/install.sh", err)
	}
	config := filepath.Join(dir, "haproxy.cfg")
	must(t, os.WriteFile(config, fmt.Appendf(nil, `defaults
  mode tcp
  timeout connect 5s
  timeout client 10m
  timeout server 10m
listen bots
  bind %s
  server bots %s
`, listen, server), 0o600))
	cmd := exec.Command(path, "-db", "-f", config)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if t.Failed() && log.Len() > 0 {
			t.Logf("what HAProxy logged:\n%s", log.String())
		}
	})
	eventually(t, "HAProxy to listen", 10*time.Second, func() bool {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", listen)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
}
