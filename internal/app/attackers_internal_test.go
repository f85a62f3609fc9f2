package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/test/slowhttp"
)

// toolRun is one run of a real tool, from a namespace of its own.
type toolRun struct {
	name     string
	tool     []string
	detector string
	forged   bool          // its sources are invented, so nobody is named
	within   time.Duration // of its start it is found
	said     string        // in its output, if it did its work
	addr     netip.Addr
	began    time.Time
}

// toolRuns are what runs at once. Each is bounded by what it is told: ports, passwords,
// packets or seconds.
func toolRuns(words string) []*toolRun {
	tool := func(name, detector string, within time.Duration, said string, args ...string) *toolRun {
		return &toolRun{name: name, tool: args, detector: detector, within: within, said: said}
	}
	nmap := func(name string, args ...string) *toolRun {
		args = append(append([]string{"nmap"}, args...), "-n", "-Pn", serverAddr)
		return tool("nmap "+name, "port_scan", 12*time.Second, "1 host up", args...)
	}
	syn := tool("hping3 SYN", "syn_flood", 12*time.Second, "3000 packets transmitted",
		"hping3", "-q", "-S", "-p", "80", "--rand-source", "-i", "u1000", "-c", "3000", serverAddr)
	syn.forged = true
	return []*toolRun{
		nmap("connect", "-sT", "-p", "1-400", "--max-retries", "1"),
		nmap("SYN", "-sS", "-p", "1-400", "--max-retries", "1"),
		nmap("UDP", "-sU", "-p", "1000-1100", "--max-retries", "0", "--min-rate", "100"),
		nmap("slow", "-sS", "-T2", "-p", "100-135", "--max-retries", "0"), // a port in 0.4 s
		tool("hydra", "brute_force", 15*time.Second, "valid password", "hydra", "-I", "-t", "4", "-l", "guest", "-P", words, "ssh://"+serverAddr),
		tool("hping3 ICMP", "icmp_flood", 15*time.Second, "12000 packets transmitted", "hping3", "-q", "--icmp", "-i", "u1000", "-c", "12000", serverAddr),
		syn,
		tool("slowhttptest", "slow_http", 30*time.Second, "test status", // a connection counts as slow after 15 s
			"slowhttptest", "-H", "-c", "60", "-r", "50", "-i", "2", "-x", "24", "-l", "26", "-p", "3", "-t", "GET", "-u", "http://"+serverAddr+":8080/small"),
	}
}

// run runs the tool. Its status is not asked: some tell by it how the server fared.
func (a *toolRun) run(dir string, from *netnstest.NS) error {
	var out []byte
	a.began = time.Now()
	err := from.Do(func() (err error) {
		cmd := exec.Command(a.tool[0], a.tool[1:]...)
		cmd.Dir = dir
		out, err = cmd.CombinedOutput()
		return err
	})
	if !strings.Contains(string(out), a.said) {
		return fmt.Errorf("%s: %w: %s", a.name, err, out)
	}
	return nil
}

// field is a server behind a router, and hosts on links of their own. All are ours, so
// that the detectors that look at our own hosts look as well.
type field struct {
	lan
	router *netnstest.NS
	hosts  int
}

// newField makes a field for a test that runs the programs.
func newField(t *testing.T, programs ...string) *field {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%v: test/install.sh installs it", err)
			}
			t.Skipf("%v: test/install.sh installs it", err)
		}
	}
	f := &field{lan: lan{server: netnstest.New(t), site: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("198.51.100.0/24")}}, router: netnstest.New(t)}
	f.router.Set(t, "net/ipv4/ip_forward", "1")
	netnstest.Link(t, netnstest.End{NS: f.router, Name: "r0", Addrs: []string{"192.0.2.254/24"}},
		netnstest.End{NS: f.server, Name: "s0", Addrs: []string{serverAddr + "/24"}})
	f.server.Run(t, "ip", "route", "add", "default", "via", "192.0.2.254")
	return f
}

// host adds a namespace behind the router, and returns it with its address.
func (f *field) host(t *testing.T) (*netnstest.NS, netip.Addr) {
	t.Helper()
	n, name := netnstest.New(t), fmt.Sprintf("r%d", f.hosts+1)
	gate, own := fmt.Sprintf("198.51.100.%d", 4*f.hosts+1), fmt.Sprintf("198.51.100.%d", 4*f.hosts+2)
	f.hosts++
	netnstest.Link(t, netnstest.End{NS: n, Name: "h0", Addrs: []string{own + "/30"}}, netnstest.End{NS: f.router, Name: name, Addrs: []string{gate + "/30"}})
	n.Run(t, "ip", "route", "add", "default", "via", gate)
	return n, netip.MustParseAddr(own)
}

// serve starts real services: sshd, and Apache twice, so that what ties up one is not
// felt at the other. It returns the key with which the honest client logs in.
func (f *field) serve(t *testing.T) (key string) {
	t.Helper()
	for _, port := range []string{"80", "8080"} {
		err := f.server.Do(func() error {
			a, err := slowhttp.StartApache(t.Context(), serverAddr+":"+port)
			if err == nil {
				t.Cleanup(func() { _ = a.Stop() })
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	key = filepath.Join(dir, "client")
	for _, file := range []string{"host", "client"} {
		f.server.Run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, file))
	}
	conf := fmt.Sprintf("ListenAddress %s:22\nHostKey %s/host\nPidFile none\nAuthorizedKeysFile %s.pub\nStrictModes no\nUsePAM no\n"+
		"PasswordAuthentication yes\nPermitRootLogin prohibit-password\nForceCommand /bin/true\n", serverAddr, dir, key)
	if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	f.sshd(t, filepath.Join(dir, "conf"))
	return key
}

// sshd runs the server until the test ends. The empty directory that its unprivileged
// half is locked into is made as Debian's start script makes it.
func (f *field) sshd(t *testing.T, conf string) {
	t.Helper()
	if err := os.Mkdir("/run/sshd", 0o755); err == nil {
		t.Cleanup(func() { _ = os.Remove("/run/sshd") })
	} else if !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", conf)
	if err := f.server.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // it ends by the signal
	})
}

// visitor is somebody who works with the services: reads pages and logs in.
type visitor struct {
	from          *netnstest.NS
	addr          netip.Addr
	key           string
	pages, logins int
}

func (v *visitor) dial(ctx context.Context, network, addr string) (c net.Conn, err error) {
	err = v.from.Do(func() (err error) {
		c, err = new(net.Dialer).DialContext(ctx, network, addr)
		return err
	})
	return c, err
}

// visit goes on until the attacks are over. What fails is not counted.
func (v *visitor) visit(over <-chan struct{}) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: v.dial}, Timeout: 10 * time.Second}
	for round := 0; ; round++ {
		select {
		case <-over:
			return
		case <-time.After(time.Duration(100+50*(round%5)) * time.Millisecond):
		}
		if res, err := client.Get("http://" + serverAddr + "/small"); err == nil {
			if n, err := io.Copy(io.Discard, res.Body); err == nil && n == 1<<10 {
				v.pages++
			}
			_ = res.Body.Close()
		}
		if round%10 == 0 && v.login() == nil {
			v.logins++
		}
	}
}

func (v *visitor) login() error {
	return v.from.Do(exec.Command("ssh", "-F", "none", "-i", v.key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		"-o", "ConnectTimeout=10", "root@"+serverAddr, "true").Run)
}

// attack runs everything at once and returns when it is over.
func (f *field) attack(t *testing.T, all []*toolRun, v *visitor) {
	t.Helper()
	dir, over := t.TempDir(), make(chan struct{})
	var tools, guests sync.WaitGroup
	guests.Go(func() { v.visit(over) })
	for _, a := range all {
		from, addr := f.host(t)
		if a.addr = addr; a.forged { // answers to invented sources go to where they come from
			f.router.Run(t, "ip", "route", "add", "default", "via", addr.String())
		}
		tools.Go(func() {
			if err := a.run(dir, from); err != nil {
				t.Error(err)
			}
		})
	}
	tools.Wait()
	close(over)
	guests.Wait()
}

// foundAs asserts that the tool was found in time, as one incident.
func (a *toolRun) foundAs(t *testing.T, live *finds) {
	t.Helper()
	told := map[haechi.Reference]time.Duration{}
	for i := range live.all {
		f := &live.all[i]
		if mine := f.Addr == a.addr || a.forged && f.Detector == a.detector; !mine {
			continue
		}
		if f.Detector != a.detector || f.Addr.IsValid() == a.forged || !f.Target.Contains(netip.MustParseAddr(serverAddr)) {
			t.Errorf("%s is found as %s of %v against %v", a.name, f.Detector, f.Addr, f.Target)
		}
		if _, again := told[f.Incident]; !again {
			told[f.Incident] = live.at[i].Sub(a.began)
		}
	}
	if len(told) != 1 {
		t.Errorf("%s: %d incidents: %v", a.name, len(told), told)
	}
	for _, after := range told {
		t.Logf("%-14s found as %s after %v", a.name, a.detector, after.Round(10*time.Millisecond))
		if after > a.within {
			t.Errorf("%s is found after %v, not within %v", a.name, after, a.within)
		}
	}
}

// TestAttackToolsAreFoundOnTheWire (issue 7, must show 4): nmap in four ways, hydra,
// hping3 and slowhttptest run at once against a real sshd and a real Apache, beside an
// honest client of both. Each is found within seconds, as one incident with its own
// attacker; nobody else is; and the recording gives the same findings, byte for byte.
func TestAttackToolsAreFoundOnTheWire(t *testing.T) {
	f := newField(t, "nmap", "hydra", "hping3", "slowhttptest", "ssh", "ssh-keygen", "/usr/sbin/sshd", "/usr/sbin/apache2")
	words := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(words, []byte("letmein\npassword\n123456\nqwerty\ndragon\nmonkey\nabc123\niloveyou\nwelcome\nsunshine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v := &visitor{key: f.serve(t)}
	v.from, v.addr = f.host(t)
	all, r := toolRuns(words), f.record(t)
	live := f.sense(t, r, func() { f.attack(t, all, v) })
	if r.err != nil {
		t.Fatal(r.err)
	}
	for _, a := range all {
		a.foundAs(t, live)
	}
	if incidents := live.incidents(); incidents != len(all) {
		t.Errorf("%d incidents of %d attacks:\n%s", incidents, len(all), live.text(t, 1<<62))
	}
	if t.Logf("the honest client read %d pages and logged in %d times", v.pages, v.logins); v.pages < 20 || v.logins < 3 {
		t.Error("the honest client was hardly served, so it shows little that it is not found")
	}
	a, b := live.text(t, r.last), replayOf(t, r.path, f.site...).text(t, r.last)
	if a != b {
		t.Errorf("on the wire:\n%s\nof the recording:\n%s", a, b)
	}
}

func (f *finds) incidents() int {
	told := map[haechi.Reference]bool{}
	for i := range f.all {
		told[f.all[i].Incident] = true
	}
	return len(told)
}
