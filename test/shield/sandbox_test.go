package shield_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"haechi/test/gateway"
)

// released is the program as it is released, for nobody to run.
func (r *rig) released() gateway.Program {
	r.t.Helper()
	p, err := released()
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// TestGatewayConfinesItself: each thread of a gateway that serves has one capability, can get
// none, and is filtered; it backs up where it may and says why not elsewhere, and a reload
// with files in places of which it did not know works.
func TestGatewayConfinesItself(t *testing.T) {
	t.Parallel()
	outside, err := os.MkdirTemp("/run", "haechi-test-") // no folder for temporary files
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(outside) })
	allowed := filepath.Join(outside, "backups")
	if err := os.Mkdir(allowed, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(allowed, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(outside, 0o777); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, "{ kernel: nft, socket: DIR/run/shield.sock }")
	r.addKeys("user: nobody\nrecords: { backups: " + allowed + " }\n")
	r.open()
	r.run(r.released())
	_, guard := r.both(r.proc)
	const bind = "0000000000000400"
	want := map[string]string{"NoNewPrivs": "1", "Seccomp": "2", "CapInh": "0000000000000000", "CapPrm": bind, "CapEff": bind, "CapAmb": "0000000000000000"}
	for _, thread := range statusOf(t, guard.pid) {
		for name, w := range want {
			if thread[name] != w {
				t.Errorf("thread %s: %s is %s", thread["Pid"], name, thread[name])
			}
		}
	}
	if a := r.haechi("status"); strings.Contains(a.Out, "not confined") {
		t.Errorf("status: %s", a.Out)
	}
	for path, hint := range map[string]string{
		filepath.Join(allowed, "one"): "", filepath.Join(filepath.Dir(r.config), "state", "two"): "",
		filepath.Join(outside, "three"): "records: { backups: " + outside + " }",
	} {
		a := r.haechi("backup", path)
		if (a.Code == 0) != (hint == "") || !strings.Contains(a.Err, hint) {
			t.Errorf("backup %s: code %d: %s", path, a.Code, a.Err)
		}
	}
	text, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	certs := filepath.Join(outside, "certs")
	writePair(t, certs, 1)
	more := "  site: { kind: http, hosts: [shop.example.com], listen: [\"10.77.0.1:443\"], upstream: \"http://10.77.0.9:80\", tls: { cert: " + certs + "/cert.pem, key: " + certs + "/key.pem } }\n"
	if err := os.WriteFile(r.config, slices.Concat(text, []byte(more)), 0o644); err != nil {
		t.Fatal(err)
	}
	r.proc.Signal(syscall.SIGHUP)
	r.eventually("the new service is there", 20*time.Second, func() bool { return r.land.serial() == 1 })
	next := filepath.Join(outside, "next")
	writePair(t, next, 2)
	if err := errors.Join(os.Rename(certs, certs+".old"), os.Rename(next, certs)); err != nil {
		t.Fatal(err)
	}
	r.eventually("the new certificate, in a folder of the old one's name, is served", 30*time.Second, func() bool { return r.land.serial() == 2 })
	hook := "  shop: { kind: http, hosts: [shop.example.com], listen: [\"10.77.0.1:443\"], upstream: \"http://10.77.0.9:80\", tls: { acme: { email: ops@example.com, agree_terms: true, directory: \"https://127.0.0.1:1/dir\", challenge: dns-01, hook: /bin/true } } }\n"
	if err := os.WriteFile(r.config, slices.Concat(text, []byte(hook)), 0o644); err != nil {
		t.Fatal(err)
	}
	if a := r.haechi("reload"); a.Code != 1 || !strings.Contains(a.Err, "gave up starting programs") || !strings.Contains(a.Err, "restart the gateway") {
		t.Errorf("a hook: code %d: %s%s", a.Code, a.Out, a.Err)
	}
	if log := r.proc.Err.String(); strings.Contains(log, "not confined") {
		t.Errorf("it logged: %s", log)
	}
}

// writePair writes a certificate and its key into a new folder.
func writePair(t *testing.T, dir string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"shop.example.com"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret}} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, pem.EncodeToMemory(b), 0o600), os.Chown(path, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
	}
}

// serial is the number of the certificate that is served; 0: none is.
func (l *land) serial() (n int64) {
	_ = l.strangers.Do(func() error {
		c, err := net.DialTimeout("tcp", "10.77.0.1:443", 2*time.Second)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		s := tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example.com"})
		if err := errors.Join(c.SetDeadline(time.Now().Add(5*time.Second)), s.Handshake()); err != nil {
			return err
		}
		n = s.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
		return nil
	})
	return n
}

// TestStatusSaysThatTheGatewayIsOpen: switched off it keeps what it has, and says so.
func TestStatusSaysThatTheGatewayIsOpen(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ kernel: off }")
	r.proc = r.released().In(r.land.guarded.Enter()...).Start(t, "run", "--config", r.config, "--sandbox", "off")
	r.eventually("the gateway is up", 20*time.Second, func() bool { return r.haechi("status").Code == 0 })
	if one := statusOf(t, r.proc.PID())[0]; one["Seccomp"] != "0" || one["NoNewPrivs"] != "0" {
		t.Errorf("switched off: %v", one)
	}
	if a := r.haechi("status"); !strings.Contains(a.Out, "the gateway is not confined as it should be: it was started with --sandbox off") {
		t.Errorf("status: %s", a.Out)
	}
}

// TestRootConfinesItselfToo: a gateway that stays root and changes the kernel itself keeps
// what that needs, and drops and repairs as ever.
func TestRootConfinesItselfToo(t *testing.T) {
	t.Parallel()
	r := newRig(t, "{ kernel: auto, interfaces: [in0], pins: PINS }")
	r.run(r.released())
	r.add("ip:203.0.113.7")
	r.eventually("both have it", 20*time.Second, func() bool { return r.enforcer("xdp").InForce == 1 && r.enforcer("nft").InForce == 1 })
	const root = "000000c00000340f" // the shield's four, CAP_NET_BIND_SERVICE, CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
	for _, thread := range statusOf(t, r.proc.PID()) {
		if thread["CapEff"] != root || thread["CapBnd"] != root || thread["Seccomp"] != "2" || thread["NoNewPrivs"] != "1" {
			t.Errorf("%v", thread)
		}
	}
	if err := os.RemoveAll(r.pins); err != nil {
		t.Fatal(err)
	}
	r.eventually("the pins are back", 20*time.Second, func() bool {
		_, err := os.Stat(filepath.Join(r.pins, "haechi_control"))
		return err == nil && r.enforcer("xdp").Drift > 0
	})
	if a := r.haechi("status"); strings.Contains(a.Out, "not confined") {
		t.Errorf("status: %s", a.Out)
	}
}
