package httpgate_test

import (
	"bytes"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

// downgraded is a client's connection that marks its hello as a second attempt, by
// putting TLS_FALLBACK_SCSV in the place of a suite.
type downgraded struct{ net.Conn }

func (d downgraded) Write(p []byte) (int, error) {
	return d.Conn.Write(bytes.Replace(p, []byte{0xc0, 0x09}, []byte{0x56, 0x00}, 1))
}

// TestDowngradesAreEvents: whoever asks for less than is served is refused by TLS and
// told of; whoever asks for enough is not, and has a fingerprint.
func TestDowngradesAreEvents(t *testing.T) {
	conf := selfSigned(t)
	cert := conf.Certificates[0]
	conf.Certificates, conf.MinVersion = nil, tls.VersionTLS12
	conf.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	conf.GetCertificate = func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if h.ServerName != "localhost" {
			return nil, nil
		}
		return &cert, nil
	}
	r := start(t, httpgate.Config{TLS: conf, Sites: []httpgate.Site{{Service: "shop"}}}, echo())
	const cbc = tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
	for name, c := range map[string]struct {
		conf     *tls.Config
		fallback bool
		reason   haechi.Reason
	}{
		"TLS 1.1":          {&tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false, haechi.ReasonTLSVersion},
		"TLS 1.0":          {&tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, false, haechi.ReasonTLSVersion},
		"weak suites":      {&tls.Config{ServerName: "localhost", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{cbc}}, false, haechi.ReasonTLSSuites},
		"second attempt":   {&tls.Config{ServerName: "localhost", MaxVersion: tls.VersionTLS12}, true, haechi.ReasonTLSFallback},
		"another name":     {&tls.Config{ServerName: "other.test"}, false, haechi.ReasonUnknownHost},
		"TLS 1.2 is fine":  {&tls.Config{ServerName: "localhost", MaxVersion: tls.VersionTLS12}, false, ""},
		"TLS 1.3 is fine":  {&tls.Config{ServerName: "localhost"}, false, ""},
		"1.3 needs no 1.2": {&tls.Config{ServerName: "localhost", MinVersion: tls.VersionTLS13}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := net.DialTimeout("tcp", r.addr, 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			if c.fallback {
				raw = downgraded{raw}
			}
			c.conf.InsecureSkipVerify = true
			client := tls.Client(raw, c.conf)
			err = client.Handshake()
			if (err == nil) != (c.reason == "") {
				t.Fatalf("handshake: %v", err)
			}
			if c.reason == "" {
				if _, err := client.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
					t.Fatal(err)
				}
			}
			e := r.next(t)
			if !strings.HasPrefix(e.Fingerprint, "t1") || len(e.Fingerprint) != 36 {
				t.Errorf("fingerprint %q", e.Fingerprint)
			}
			if c.reason != "" && (e.Kind != haechi.KindHello || e.Reason != c.reason || e.Ref == "" || e.Verdict != haechi.Deny || e.Host != c.conf.ServerName) ||
				c.reason == "" && (e.Kind != haechi.KindRequest || e.Reason != "") {
				t.Errorf("event %+v", e)
			}
		})
	}
}
