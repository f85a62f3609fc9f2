package scenario_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"haechi"
	"haechi/test/gateway"
)

// The ports around an authority: its directory, its name servers, what the tests tell
// these, and where it looks for http-01.
const (
	portDirectory, portAdmin, portNames, portNamesAdmin = 14000, 15000, 8053, 8055
	portRedirect                                        = 8081
)

// authority is Pebble, an ACME server for tests, with name servers for it.
type authority struct {
	t    *testing.T
	r    *rig
	ca   *testCA // that signed the directory's own certificate
	http *http.Client
	dir  string
	run  *exec.Cmd
}

// pebbles builds both programs once, beside the gateway.
var pebbles = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(filepath.Dir(program.Path()), "pebble")
	build := exec.Command("go", "build", "-o", dir+"/", "github.com/letsencrypt/pebble/v2/cmd/pebble", "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // much of it is then compiled already
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build pebble: %w\n%s", err, out)
	}
	return dir, nil
})

// newAuthority starts one whose certificates live that long, for the rig's addresses.
func newAuthority(t *testing.T, r *rig, life time.Duration) *authority {
	t.Helper()
	dir, err := pebbles()
	must(t, err)
	a := &authority{t: t, r: r, ca: newTestCA(t), dir: dir}
	a.ca.issue(func(c *x509.Certificate) { c.IPAddresses = []net.IP{r.addr(hostUpstream).AsSlice()} })
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: a.ca.pool()}}
	t.Cleanup(tr.CloseIdleConnections)
	a.http = &http.Client{Transport: tr, Timeout: gateway.Patient(10 * time.Second)}
	names := r.at(hostUpstream, portNames)
	a.start("pebble-challtestsrv", "-dnsserver", names, "-defaultIPv4", r.host, "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "",
		"-management", r.at(hostUpstream, portNamesAdmin))
	text, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": r.at(hostUpstream, portDirectory), "managementListenAddress": r.at(hostUpstream, portAdmin),
		"certificate": a.ca.path("shop.pem"), "privateKey": a.ca.path("shop.key"), "httpPort": portRedirect, "tlsPort": portShop,
		"keyAlgorithm": "ecdsa", "profiles": map[string]any{"default": map[string]any{"description": "short", "validityPeriod": int(life.Seconds())}},
	}})
	must(t, err)
	must(t, os.WriteFile(a.ca.path("pebble.json"), text, 0o600))
	a.run = a.start("pebble", "-strict", "-config", a.ca.path("pebble.json"), "-dnsserver", names)
	eventually(t, "the authority to answer", 20*time.Second, func() bool { return a.root() != nil })
	return a
}

// start starts a program that ends with the test.
func (a *authority) start(name string, args ...string) *exec.Cmd {
	a.t.Helper()
	var said gateway.Buffer
	cmd := exec.Command(filepath.Join(a.dir, name), args...)
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0")
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(a.t, cmd.Start())
	a.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has nothing to keep
		_ = cmd.Wait()
		if a.t.Failed() {
			log := said.String()
			a.t.Logf("%s says:\n%s", name, log[max(0, len(log)-4000):])
		}
	})
	return cmd
}

// root is what clients of its certificates trust; nil while it does not answer.
func (a *authority) root() *x509.CertPool {
	resp, err := a.http.Get("https://" + a.r.at(hostUpstream, portAdmin) + "/roots/0")
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(text) {
		return nil
	}
	return pool
}

// shop is the setting that lets the authority issue the shop's certificate.
func (a *authority) shop(more string) string {
	return fmt.Sprintf("tls: { acme: { email: ops@shop.test, agree_terms: true, directory: %q, ca_file: %q%s } }\nlimits: { address: 1000/s, connections: 100 }",
		"https://"+a.r.at(hostUpstream, portDirectory)+"/dir", a.ca.path("ca.pem"), more)
}

// awaits waits until the shop shows a certificate of the authority other than the last.
func (a *authority) awaits(last *x509.Certificate) (c *x509.Certificate) {
	a.t.Helper()
	pool := a.root()
	eventually(a.t, "a certificate of the authority", 40*time.Second, func() (ok bool) {
		var err error
		c, err = a.r.served(pool)
		return err == nil && (last == nil || !c.Equal(last))
	})
	return c
}

// TestACME: the shop gets its certificate over each challenge, a restart asks for no
// other, and the authority is asked for nothing that is not configured.
func TestACME(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ more, beside string }{
		"tls-alpn-01": {"", ""},
		"http-01":     {", challenge: http-01", "\nredirect: [%q]"},
		"dns-01":      {", challenge: dns-01, hook: %q", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, settings{})
			a := newAuthority(t, r, time.Hour)
			more, beside := c.more, c.beside
			if strings.Contains(more, "%q") {
				more = fmt.Sprintf(more, a.hook())
			}
			if strings.Contains(beside, "%q") {
				beside = fmt.Sprintf(beside, r.at(1, portRedirect))
			}
			r.configure(settings{shop: a.shop(more) + beside})
			r.start()
			first := a.awaits(nil)
			if err := first.VerifyHostname(shopHost); err != nil || len(first.DNSNames) != 1 {
				t.Errorf("%v: %v", err, first.DNSNames)
			}
			// A name that nobody configured is asked for nothing, whoever says it.
			for range 3 {
				if conn, err := tls.Dial("tcp", r.shopAddr(), &tls.Config{ServerName: "other.test", InsecureSkipVerify: true}); err == nil {
					conn.Close()
					t.Error("a name that is not configured is served")
				}
			}
			r.restart()
			if again, err := r.served(a.root()); err != nil || !again.Equal(first) {
				t.Errorf("after a restart: %v", err)
			}
			if got, err := filepath.Glob(filepath.Join(r.state(), "acme", "certificates", "*", "*")); err != nil || len(got) != 1 {
				t.Errorf("kept: %v, %v", got, err)
			}
			r.issued(t, "shop.test was issued", haechi.Success)
		})
	}
}

// hook is a program that sets the record at the name servers of the authority, as the
// contract of dns-01 says.
func (a *authority) hook() string {
	path := a.ca.path("hook.py")
	must(a.t, os.WriteFile(path, fmt.Appendf(nil, `#!/usr/bin/env python3
import json, sys, urllib.request
what, name, value = sys.argv[1:]
verb = {"present": "set-txt", "cleanup": "clear-txt"}[what]
body = json.dumps({"host": name.rstrip(".") + ".", "value": value}).encode()
urllib.request.urlopen("http://%s/" + verb, body, timeout=5).read()
`, a.r.at(hostUpstream, portNamesAdmin)), 0o700))
	return path
}

// issued wants an event of that kind.
func (r *rig) issued(t *testing.T, says string, outcome haechi.Outcome) {
	t.Helper()
	eventually(t, "the event "+says, 10*time.Second, func() bool {
		es, err := r.api.Events(t.Context(), haechi.EventFilter{Service: "shop", Kinds: []haechi.Kind{haechi.KindSystem}, Limit: 100})
		must(t, err)
		for _, e := range es {
			if e.Outcome == outcome && strings.Contains(e.Text, says) && e.Host == shopHost {
				return true
			}
		}
		return false
	})
}

// TestACMEReload: two services share an address, one with an authority and one with
// files; a reload moves the second to the authority, and another takes it away again. The
// first keeps its certificate, and nothing is asked for a name that is not there any more.
func TestACMEReload(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	a := newAuthority(t, r, time.Minute)
	files := newTestCA(t)
	files.issue(func(c *x509.Certificate) { c.DNSNames = []string{"api.test"} })
	with := func(api string) {
		services := ""
		if api != "" {
			services = fmt.Sprintf("  api:\n    kind: http\n    hosts: [api.test]\n    listen: [%q]\n    upstream: http://%s\n%s",
				r.shopAddr(), r.at(hostUpstream, portWebUpstrm), block("    ", api))
		}
		r.configure(settings{shop: a.shop(", renew_percent: 90"), services: services})
	}
	with(files.tlsShop(""))
	r.start()
	a.awaits(nil)
	if _, err := r.servedAs("api.test", files.pool()); err != nil {
		t.Errorf("the service with files: %v", err)
	}
	with(a.shop(", renew_percent: 80"))
	r.ok("reload")
	eventually(t, "a certificate for the second service", 30*time.Second, func() bool {
		_, err := r.servedAs("api.test", a.root())
		return err == nil
	})
	with("")
	r.ok("reload")
	if _, err := r.servedAs("api.test", a.root()); err == nil {
		t.Error("a name that is not configured any more is served")
	}
	kept := func(host string) time.Time {
		list, err := filepath.Glob(filepath.Join(r.state(), "acme", "certificates", "*", host, host+".crt"))
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v, %v", host, list, err)
		}
		info, err := os.Stat(list[0])
		must(t, err)
		return info.ModTime()
	}
	now, err := r.served(a.root())
	must(t, err)
	next := a.awaits(now) // what was under way when the name was taken out is over by now
	api := kept("api.test")
	a.awaits(next) // the first one is renewed, the other, though due, is not asked for
	if !kept("api.test").Equal(api) {
		t.Error("a name that is not configured any more was asked for")
	}
}

// TestACMERenewal is the last part of Must show 4 of the HTTP gate: certificates are
// renewed under load, and no request fails.
func TestACMERenewal(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	a := newAuthority(t, r, time.Minute)
	r.configure(settings{shop: a.shop(", renew_percent: 90")})
	r.start()
	first := a.awaits(nil)
	l := r.surf(t, a.root())
	next := a.awaits(first)
	if os.Getenv("HAECHI_LONG") != "" {
		for range 5 {
			next = a.awaits(next)
		}
	}
	l.end()
	r.issued(t, "shop.test was renewed", haechi.Success)
}

// TestACMEFails: without the authority the old certificate stays in use, and the
// operator is told.
func TestACMEFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	a := newAuthority(t, r, time.Minute)
	r.configure(settings{shop: a.shop(", renew_percent: 90")})
	r.start()
	first := a.awaits(nil)
	pool := a.root()
	must(t, a.run.Process.Kill())
	r.issued(t, "no certificate for shop.test", haechi.Failure)
	var told string
	eventually(t, "the status to tell", 10*time.Second, func() bool {
		told = r.ok("status")
		return strings.Contains(told, "no certificate could be had for shop.test (shop)") && strings.Contains(told, "the old one stays in use")
	})
	if c, err := r.served(pool); err != nil || !c.Equal(first) {
		t.Errorf("the old certificate is gone: %v", err)
	}
}
