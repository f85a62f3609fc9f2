package scenario_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
)

// script is what client/js/drive.js is told.
type script struct {
	Servers  []string `json:"servers"`
	Bot      string   `json:"botName"`
	DeviceID string   `json:"deviceID"`
	KeyID    string   `json:"keyId,omitempty"`
	Secret   string   `json:"secret"`
	Salt     string   `json:"salt"`
	Bind     bool     `json:"bind"`
	TLS      *tlsOf   `json:"tls,omitempty"`
	Queue    int      `json:"queue,omitempty"`
	Room     string   `json:"room"`
	Sender   string   `json:"sender"`
	Say      []string `json:"say"`
	Want     int      `json:"want"`
	Opens    int      `json:"opens,omitempty"`
	Seconds  int      `json:"seconds"`
}

type tlsOf struct {
	CA   string   `json:"ca,omitempty"`
	Pins []string `json:"pins,omitempty"`
}

// rhino runs a script in the engine of the phones, and returns what it printed. on is
// told each line as it comes; nil: nobody is.
func (r *rig) rhino(t *testing.T, s script, on func(line string)) string {
	t.Helper()
	path, err := exec.LookPath("rhino")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("rhino is not installed: test/install.sh installs it")
	}
	b, err := json.Marshal(s)
	must(t, err)
	file := filepath.Join(t.TempDir(), "phone.json")
	must(t, os.WriteFile(file, b, 0o600))
	folder := filepath.Join("..", "..", "client", "js")
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, path, "-opt", "-1", filepath.Join(folder, "drive.js"), folder, file)
	pipe, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = cmd.Stdout
	must(t, cmd.Start())
	var out strings.Builder
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		fmt.Fprintln(&out, lines.Text())
		if on != nil {
			on(lines.Text())
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("rhino: %v: %s", err, &out)
	}
	return out.String()
}

// scripted is a phone that runs the ES5 file, approved and with a key.
func (r *rig) scripted(serial string) (script, demo.Identity) {
	r.t.Helper()
	id := r.enrol("도매까봇", serial, demo.V333)
	return script{Servers: []string{r.botsAddr()}, Bot: id.Bot, DeviceID: id.Serial, Secret: string(id.Secret), Salt: string(id.Salt),
		Room: "가족방", Sender: "미나", Say: []string{"!echo 해치 {} 🙂", "!echo 둘"}, Want: 2, Seconds: 60}, id
}

// TestES5 runs the script for the phones in Rhino through the gateway to the bot
// server: with the older signature alone, and bound, where the gateway wants it.
func TestES5(t *testing.T) {
	t.Parallel()
	for name, bind := range map[string]bool{"legacy": false, "bound": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := settings{}
			if bind {
				set.bots = "device: { binding: require }"
			}
			r := run(t, set)
			s, id := r.scripted("0123456789abcdef")
			s.Bind, s.KeyID = bind, "k1"
			out := r.rhino(t, s, nil)
			for _, text := range []string{"해치 {} 🙂", "둘"} {
				if !strings.Contains(out, base64.StdEncoding.EncodeToString([]byte(text))) {
					t.Errorf("%q did not come back: %s", text, out)
				}
			}
			if !strings.Contains(out, "all answered") || !strings.Contains(out, `"opened":1,"sent":2,"resent":0`) || !strings.Contains(out, `"refused":0`) {
				t.Errorf("%s", out)
			}
			for _, c := range r.bots.of(id) {
				if got := c.read(); strings.Contains(got, `"bind":"`) != bind || strings.Count(got, `"signature":"`) < 2 {
					t.Errorf("the server behind reads %s", got)
				}
			}
		})
	}
}

// selfSigned writes a certificate for the rig's own address, with its key, and returns
// the pin of the key.
func (r *rig) selfSigned() (certFile, keyFile, pin string) {
	r.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(r.t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gate"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{r.addr(1).AsSlice()}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	must(r.t, err)
	pkcs, err := x509.MarshalPKCS8PrivateKey(key)
	must(r.t, err)
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	must(r.t, err)
	certFile, keyFile = filepath.Join(r.dir, "gate.crt"), filepath.Join(r.dir, "gate.key")
	must(r.t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(r.t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs}), 0o600))
	sum := sha256.Sum256(spki)
	return certFile, keyFile, "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

// TestES5OverTLS trusts one certificate and one key, and nobody else.
func TestES5OverTLS(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	cert, key, pin := r.selfSigned()
	r.configure(settings{bots: fmt.Sprintf("tls: { cert: %q, key: %q }", cert, key)})
	r.start()
	s, id := r.scripted("0123456789abcdef")
	s.TLS = &tlsOf{CA: cert, Pins: []string{pin}}
	if out := r.rhino(t, s, nil); !strings.Contains(out, "all answered") {
		t.Errorf("%s", out)
	}
	before := len(r.bots.of(id))
	for name, bad := range map[string]*tlsOf{
		"the phone's own trust": {}, "another key": {CA: cert, Pins: []string{"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
	} {
		s.TLS, s.Seconds = bad, 3
		if out := r.rhino(t, s, nil); !strings.Contains(out, "not answered") || !strings.Contains(out, `"connects":0`) {
			t.Errorf("%s: %s", name, out)
		}
	}
	if n := len(r.bots.of(id)); n != before {
		t.Errorf("%d connections reached the server", n-before)
	}
}

// TestES5AnotherName: a certificate of the trusted CA for another name is refused. The
// development CA's is for localhost.
func TestES5AnotherName(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "tls: { dev_ca: true }"})
	s, _ := r.scripted("0123456789abcdef")
	s.TLS, s.Seconds = &tlsOf{CA: filepath.Join(r.state(), "ca", "ca.crt")}, 3
	if out := r.rhino(t, s, nil); !strings.Contains(out, "SSLHandshakeException") || !strings.Contains(out, `"connects":0`) {
		t.Errorf("%s", out)
	}
}

// TestES5Refused: a phone whose key is wrong is told so once, and stays.
func TestES5Refused(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	s, id := r.scripted("0123456789abcdef")
	s.Secret, s.Seconds, s.Queue = "another secret", 6, 1
	out := r.rhino(t, s, nil)
	if !strings.Contains(out, "state refused: AUTH_FAILED, reference ") || !strings.Contains(out, `"connects":1,"opened":0,"sent":0`) ||
		!strings.Contains(out, `"dropped":1`) || len(r.bots.of(id)) != 0 {
		t.Errorf("%s", out)
	}
	_, ref, _ := strings.Cut(out, "reference ")
	r.explained(t, ref[:11], haechi.ReasonHMACFailed, id)
}

// TestES5Outage: the script walks its list of servers, waits while none answers, and
// comes back, with what was queued meanwhile.
func TestES5Outage(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	s, _ := r.scripted("0123456789abcdef")
	s.Servers = []string{r.at(1, 9), r.botsAddr()} // nobody listens on the first
	r.bots.stop()
	eventually(t, "the gate to close its port", 10*time.Second, func() bool {
		c, err := net.Dial("tcp", r.botsAddr())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	failed := 0
	out := r.rhino(t, s, func(line string) {
		if strings.HasPrefix(line, "state not connected") {
			if failed++; failed == 3 {
				r.bots.start()
			}
		}
	})
	if !strings.Contains(out, "all answered") || !strings.Contains(out, `"opened":1,"sent":2`) || strings.Count(out, "state not connected to "+s.Servers[0]) < 1 {
		t.Errorf("%s", out)
	}
}

// TestES5ComesBack: a phone that is cut in the middle is there again, and its frames go
// on.
func TestES5ComesBack(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	s, _ := r.scripted("0123456789abcdef")
	s.Want, s.Opens = 1, 2
	cut := false
	out := r.rhino(t, s, func(line string) {
		if strings.HasPrefix(line, "message messageResponse") && !cut {
			cut = true
			r.bots.stop()
			r.bots.start()
		}
	})
	if !strings.Contains(out, "all answered") || strings.Count(out, "message handshakeComplete") != 2 {
		t.Errorf("%s", out)
	}
}
