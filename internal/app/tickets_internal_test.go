package app

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/netnstest"
)

// realm is a real Kerberos realm: MIT's KDC, with services whose keys are RC4 as those of
// accounts that people have made, and some with AES.
type realm struct {
	dir string
	env []string
}

const kerberosSettings = `[libdefaults]
  default_realm = EXAMPLE.TEST
  dns_lookup_kdc = false
  dns_canonicalize_hostname = false
  udp_preference_limit = 1
[realms]
  EXAMPLE.TEST = {
    kdc = 192.0.2.1
    database_module = db
  }
[dbmodules]
  db = {
    db_library = db2
    database_name = DIR/principal
  }
`

const kdcSettings = `[kdcdefaults]
  kdc_listen = 192.0.2.1:88
  kdc_tcp_listen = 192.0.2.1:88
[realms]
  EXAMPLE.TEST = {
    key_stash_file = DIR/stash
  }
[logging]
  kdc = FILE:DIR/log
`

func newRealm(t *testing.T) *realm {
	t.Helper()
	r := &realm{dir: t.TempDir()}
	conf, kdc := filepath.Join(r.dir, "krb5.conf"), filepath.Join(r.dir, "kdc.conf")
	for path, text := range map[string]string{conf: kerberosSettings, kdc: kdcSettings} {
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", r.dir)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.env = append(os.Environ(), "KRB5_CONFIG="+conf, "KRB5_KDC_PROFILE="+kdc)
	r.run(t, nil, "", "kdb5_util", "create", "-s", "-r", "EXAMPLE.TEST", "-P", "of-this-test")
	add := "addprinc -pw of-ann ann\naddprinc -pw of-ben ben\n"
	for i := range 12 {
		add += fmt.Sprintf("addprinc -e rc4-hmac:normal -randkey MSSQLSvc/sql%d\naddprinc -e aes256-cts:normal -randkey HTTP/web%d\n", i, i)
	}
	r.run(t, nil, add, "kadmin.local", "-r", "EXAMPLE.TEST")
	return r
}

// run runs a program, in a namespace unless that is nil.
func (r *realm) run(t *testing.T, in *netnstest.NS, say string, name string, args ...string) {
	t.Helper()
	var out []byte
	do := func() (err error) {
		cmd := exec.Command(name, args...)
		cmd.Env, cmd.Stdin = r.env, strings.NewReader(say)
		if in != nil { // everybody has tickets of their own
			cmd.Env = append(cmd.Env, fmt.Sprintf("KRB5CCNAME=FILE:%s/tickets-%d", r.dir, in.FD()))
		}
		out, err = cmd.CombinedOutput()
		return err
	}
	err := error(nil)
	if in == nil {
		err = do()
	} else {
		err = in.Do(do)
	}
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// serve runs the KDC until the test ends.
func (r *realm) serve(t *testing.T, in *netnstest.NS) {
	t.Helper()
	cmd := exec.Command("krb5kdc", "-n")
	cmd.Env = r.env
	if err := in.Do(cmd.Start); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it ends by the signal
	})
	for range 100 {
		err := in.Do(func() error {
			c, err := net.Dial("tcp", "192.0.2.1:88")
			if err == nil {
				_ = c.Close()
			}
			return err
		})
		if err == nil {
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	t.Fatal("the KDC does not listen")
}

// tickets asks for tickets of so many services of a kind, by MIT's kvno.
func (r *realm) tickets(t *testing.T, from *netnstest.NS, user, service string, n int) {
	t.Helper()
	r.run(t, from, "of-"+user+"\n", "kinit", user)
	args := []string{}
	for i := range n {
		args = append(args, fmt.Sprintf("%s%d", service, i))
	}
	r.run(t, from, "", "kvno", args...)
}

// TestKerberoastingIsFoundOnTheWire: real tickets of a real KDC. Who takes those of twelve
// services that RC4 seals is found; who takes as many that AES seals, or ten, is not.
func TestKerberoastingIsFoundOnTheWire(t *testing.T) {
	f := newField(t, "krb5kdc", "kdb5_util", "kadmin.local", "kinit", "kvno")
	kdc := newRealm(t)
	kdc.serve(t, f.server)
	thief, addr := f.host(t)
	site, _ := f.host(t)
	worker, _ := f.host(t)
	r := f.record(t)
	live := f.sense(t, r, func() {
		kdc.tickets(t, site, "ben", "HTTP/web", 12)
		kdc.tickets(t, worker, "ben", "MSSQLSvc/sql", 10)
		kdc.tickets(t, thief, "ann", "MSSQLSvc/sql", 12)
	})
	x, _, ok := live.has("lateral_movement")
	if !ok || live.incidents() != 1 || x.Addr != addr || x.Technique != "T1558.003" || x.Severity != haechi.High || x.Spoofable || !x.Target.Contains(netip.MustParseAddr(serverAddr)) {
		t.Errorf("found %s", live.text(t, 1<<62))
	}
	if a, b := live.text(t, r.last), replayOf(t, r.path, f.site...).text(t, r.last); a != b {
		t.Errorf("on the wire:\n%s\nof the recording:\n%s", a, b)
	}
}
