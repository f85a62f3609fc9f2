package scenario_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"haechi"
)

// opensslCA is an authority of clients as operators keep one: a folder and openssl ca.
type opensslCA struct {
	t                   *testing.T
	dir, openssl, curl_ string
}

func newOpensslCA(t *testing.T) *opensslCA {
	t.Helper()
	a := &opensslCA{t: t, dir: t.TempDir()}
	for name, path := range map[string]*string{"openssl": &a.openssl, "curl": &a.curl_} {
		found, err := exec.LookPath(name)
		if err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(name + " is not installed")
		}
		*path = found
	}
	must(t, os.WriteFile(a.path("ca.cnf"), fmt.Appendf(nil, `[ca]
default_ca = clients
[clients]
dir = %s
database = $dir/index.txt
serial = $dir/serial
crlnumber = $dir/crlnumber
new_certs_dir = $dir
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_days = 30
default_crl_days = 1
policy = any
x509_extensions = client
[any]
commonName = supplied
[client]
extendedKeyUsage = clientAuth
`, a.dir), 0o600))
	must(t, os.WriteFile(a.path("index.txt"), nil, 0o600))
	must(t, os.WriteFile(a.path("serial"), []byte("1000\n"), 0o600))
	must(t, os.WriteFile(a.path("crlnumber"), []byte("01\n"), 0o600))
	a.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", a.path("ca.key"), "-out", a.path("ca.pem"),
		"-days", "30", "-subj", "/CN=Clients", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
	a.list()
	return a
}

// phonesCA is an authority with clients of every sort, and one that nobody trusts.
func phonesCA(t *testing.T) (a, other *opensslCA) {
	t.Helper()
	a, other = newOpensslCA(t), newOpensslCA(t)
	for _, name := range []string{"phone", "lost", "barred"} {
		a.issue(name)
	}
	a.issue("old", "-startdate", "20200101000000Z", "-enddate", "20200201000000Z")
	other.issue("phone")
	return a, other
}

func (a *opensslCA) path(name string) string { return filepath.Join(a.dir, name) }

func (a *opensslCA) run(args ...string) string {
	a.t.Helper()
	ctx, stop := context.WithTimeout(a.t.Context(), time.Minute)
	defer stop()
	out, err := exec.CommandContext(ctx, a.openssl, args...).CombinedOutput()
	if err != nil {
		a.t.Fatalf("openssl %s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

func (a *opensslCA) ca(args ...string) {
	a.t.Helper()
	a.run(append([]string{"ca", "-config", a.path("ca.cnf"), "-batch", "-notext"}, args...)...)
}

// issue makes NAME.pem and NAME.key.
func (a *opensslCA) issue(name string, more ...string) {
	a.t.Helper()
	a.run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", a.path(name+".key"), "-out", a.path(name+".csr"), "-subj", "/CN="+name)
	a.ca(append([]string{"-in", a.path(name + ".csr"), "-out", a.path(name + ".pem")}, more...)...)
}

// list makes the list of what is revoked, whole or not at all.
func (a *opensslCA) list(more ...string) {
	a.t.Helper()
	a.ca(append([]string{"-gencrl", "-out", a.path("new.crl")}, more...)...)
	must(a.t, os.Rename(a.path("new.crl"), a.path("ca.crl")))
}

// curl asks the shop and returns the head of the answer with its body.
func (a *opensslCA) curl(r *rig, server *testCA, path, who string, more ...string) (status int, answer string) {
	a.t.Helper()
	ctx, stop := context.WithTimeout(a.t.Context(), time.Minute)
	defer stop()
	args := append([]string{"-sS", "-i", "--max-time", "30", "--interface", r.addr(30).String(), "--cacert", server.path("ca.pem"),
		"--connect-to", fmt.Sprintf("%s:443:%s:%d", shopHost, r.addr(1), portShop)}, more...)
	if who != "" {
		args = append(args, "--cert", a.path(who+".pem"), "--key", a.path(who+".key"))
	}
	out, err := exec.CommandContext(ctx, a.curl_, append(args, "https://"+shopHost+path)...).CombinedOutput()
	if err != nil {
		return 0, string(out)
	}
	f := strings.Fields(string(out))
	if len(f) < 2 {
		a.t.Fatalf("curl says %q", out)
	}
	status, err = strconv.Atoi(f[1])
	must(a.t, err)
	return status, string(out)
}

// refused wants a refusal whose reference why explains with the reason.
func (a *opensslCA) refused(r *rig, answer string, reason haechi.Reason) {
	a.t.Helper()
	_, ref, ok := strings.Cut(strings.ToLower(answer), "x-haechi-ref: ")
	if !ok {
		a.t.Fatalf("no reference in %q", answer)
	}
	ref = strings.ToUpper(strings.Fields(ref)[0])
	var x haechi.Explanation
	eventually(a.t, "the refusal to be recorded", 20*time.Second, func() bool { return len(askedOr(r, &x, "why", ref).Refusals) > 0 })
	if e := x.Refusals[0]; e.Reason != reason || e.Verdict < haechi.Deny {
		a.t.Errorf("why %s says %+v, want %s", ref, e, reason)
	}
}

// TestClientCertificates: with an authority that openssl keeps and clients as curl, only
// who shows a good certificate comes in, the server behind is told of it, and a
// revocation ends what is open and what could be resumed, while the gateway runs.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	r, server := newRig(t, settings{}), newTestCA(t)
	server.issue(nil)
	a, other := phonesCA(t)
	r.configure(settings{shop: server.tlsShop(fmt.Sprintf(", clients: { ca: %s, crl: %s }", a.path("ca.pem"), a.path("ca.crl"))) +
		"\naccess: { certificates: { deny: [barred] } }\nlimits: { connections: 100 }"})
	r.start()

	for _, version := range []string{"--http1.1", "--http2"} {
		status, answer := a.curl(r, server, "/echo", "phone", version, "-H", "Client-Cert: :ZXZpbA==:")
		if status != 200 || !strings.Contains(strings.ToLower(answer), "echo-client-cert: :mi") || strings.Contains(answer, "ZXZpbA") {
			t.Fatalf("%s: %d: %s", version, status, answer)
		}
	}
	for _, tt := range []struct {
		by     *opensslCA
		who    string
		reason haechi.Reason
	}{
		{a, "", haechi.ReasonClientCertMissing}, {other, "phone", haechi.ReasonClientCertUntrusted},
		{a, "old", haechi.ReasonClientCertExpired}, {a, "barred", haechi.ReasonAccess},
	} {
		status, answer := tt.by.curl(r, server, "/", tt.who)
		if status != 403 {
			t.Fatalf("%s: %d: %s", tt.who, status, answer)
		}
		tt.by.refused(r, answer, tt.reason)
	}

	ticket := []string{"-sess_out", a.path("ticket")}
	if got := a.sClient(r, server, "lost", "close", ticket...).wait(); !strings.Contains(got, "HTTP/1.1 200") || !strings.Contains(got, "New, TLS") {
		t.Fatalf("not revoked yet: %s", got)
	}
	resume := []string{"-sess_in", a.path("ticket")}
	if got := a.sClient(r, server, "lost", "close", resume...).wait(); !strings.Contains(got, "HTTP/1.1 200") || !strings.Contains(got, "Reused, TLS") {
		t.Fatalf("not revoked yet, and resumed: %s", got)
	}
	live := a.sClient(r, server, "lost", "keep-alive")
	eventually(t, "an answer on a connection that stays", 20*time.Second, func() bool { return strings.Contains(live.said(), "HTTP/1.1 200") })

	a.ca("-revoke", a.path("lost.pem"))
	a.list()
	live.wait() // the gateway ends it, for nothing else does
	if got := a.sClient(r, server, "lost", "close", resume...).wait(); !strings.Contains(got, "HTTP/1.1 403") || strings.Contains(got, "Reused, TLS") {
		t.Errorf("revoked, and resumed: %s", got)
	}
	status, answer := a.curl(r, server, "/", "lost")
	if status != 403 {
		t.Fatalf("revoked: %d: %s", status, answer)
	}
	a.refused(r, answer, haechi.ReasonClientCertRevoked)
	if status, answer := a.curl(r, server, "/", "phone"); status != 200 {
		t.Errorf("somebody else: %d: %s", status, answer)
	}

	a.list("-crl_lastupdate", time.Now().Add(-2*time.Hour).UTC().Format("20060102150405Z"), "-crl_nextupdate", time.Now().Add(-time.Hour).UTC().Format("20060102150405Z"))
	eventually(t, "the operator to be told that the list is over", 40*time.Second, func() bool {
		return strings.Contains(r.ok("status"), "a list of revoked certificates is over")
	})
	if status, answer = a.curl(r, server, "/", "phone"); status != 403 {
		t.Fatalf("a list that is over: %d: %s", status, answer)
	}
	a.refused(r, answer, haechi.ReasonClientCertUnchecked)
}

// sClient is openssl s_client at work.
type sClient struct {
	t    *testing.T
	mu   sync.Mutex
	text []byte
	done chan struct{} // closed once it has ended
}

// Write implements io.Writer for what it says.
func (c *sClient) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, p...)
	return len(p), nil
}

func (c *sClient) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.text)
}

// wait waits for its end, and returns what it said.
func (c *sClient) wait() string {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(60 * time.Second):
		c.t.Fatalf("the connection is still open: %s", c.said())
	}
	return c.said()
}

// sClient asks the shop for one page over a connection that it does not end by itself.
func (a *opensslCA) sClient(r *rig, server *testCA, who, connection string, more ...string) *sClient {
	a.t.Helper()
	c := &sClient{t: a.t, done: make(chan struct{})}
	cmd := exec.CommandContext(a.t.Context(), a.openssl, append([]string{"s_client", "-connect", r.shopAddr(), "-bind", r.addr(31).String() + ":0", "-servername", shopHost,
		"-CAfile", server.path("ca.pem"), "-cert", a.path(who + ".pem"), "-key", a.path(who + ".key"), "-ign_eof"}, more...)...)
	cmd.Stdin = strings.NewReader("GET / HTTP/1.1\r\nHost: " + shopHost + "\r\nConnection: " + connection + "\r\n\r\n")
	cmd.Stdout, cmd.Stderr = c, c
	must(a.t, cmd.Start())
	go func() {
		defer close(c.done)
		_ = cmd.Wait() // its exit code says how the peer ended it
	}()
	a.t.Cleanup(func() { <-c.done }) // the test's context ends it
	return c
}
