package pin_test

import (
	"crypto/x509"
	"encoding/pem"
	"os/exec"
	"strings"
	"testing"

	"haechi/pin"
)

// TestText reads the three spellings and refuses what is no hash.
func TestText(t *testing.T) {
	p := pin.Of(make2(t, nil, false).cert)
	bare := strings.TrimPrefix(p.String(), "sha256/")
	for _, text := range []string{p.String(), bare, "sha256//" + bare, " " + p.String() + "\n"} {
		if got, err := pin.Parse(text); err != nil || got != p {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "sha256/", "sha1/" + bare, bare[:40], bare + bare, strings.Repeat("é", 22), "sha256/" + bare[:43]} {
		if got, err := pin.Parse(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

// FuzzParse: whatever is read is written the same.
func FuzzParse(f *testing.F) {
	f.Add("sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := pin.Parse(text)
		if err != nil {
			return
		}
		if again, err := pin.Parse(p.String()); err != nil || again != p {
			t.Fatalf("%q: %v, %v", text, again, err)
		}
	})
}

// TestFromPEM gives a key, its certificate and its request one pin, the one that
// openssl computes.
func TestFromPEM(t *testing.T) {
	p := make2(t, nil, false)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := x509.MarshalECPrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	var file []byte
	for _, b := range []*pem.Block{
		{Type: "CERTIFICATE", Bytes: p.cert.Raw}, {Type: "PUBLIC KEY", Bytes: p.cert.RawSubjectPublicKeyInfo},
		{Type: "PRIVATE KEY", Bytes: pkcs8}, {Type: "EC PARAMETERS", Bytes: []byte{6, 0}}, {Type: "EC PRIVATE KEY", Bytes: ec},
	} {
		file = append(file, pem.EncodeToMemory(b)...)
	}
	found, err := pin.FromPEM(file)
	if err != nil || len(found) != 4 {
		t.Fatalf("%d found, want 4: %v", len(found), err)
	}
	for _, e := range found {
		if e.Pin != pin.Of(p.cert) {
			t.Errorf("%s: %v, want %v", e.Kind, e.Pin, pin.Of(p.cert))
		}
	}
	if want := opensslPin(t, file); want != "" && "sha256/"+want != found[0].Pin.String() {
		t.Errorf("openssl says %s, we say %s", want, found[0].Pin)
	}
	for _, bad := range []string{"", "no pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		if e, err := pin.FromPEM([]byte(bad)); err == nil {
			t.Errorf("%q gave %v", bad, e)
		}
	}
}

// opensslPin is the pin as openssl computes it; empty where there is no openssl.
func opensslPin(t *testing.T, file []byte) string {
	t.Helper()
	bin, err := exec.LookPath("openssl")
	if err != nil {
		return ""
	}
	cmd := exec.Command("sh", "-c", bin+" x509 -pubkey -noout | "+bin+" pkey -pubin -outform der | "+bin+" dgst -sha256 -binary | base64")
	cmd.Stdin = strings.NewReader(string(file))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
