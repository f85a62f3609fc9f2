package httpgate_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
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

// TestSSL2IsAnEvent: a hello older than TLS records is refused and told of; what only
// begins like one is not.
func TestSSL2IsAnEvent(t *testing.T) {
	r := start(t, httpgate.Config{TLS: selfSigned(t), Sites: []httpgate.Site{{Service: "shop"}}}, echo())
	for _, hello := range []string{"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", "\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10", "\x80\x2e\x04\x00\x02\x00\x15", "\x16\x03\x01\x00\x04\x02\x00\x00\x00"} {
		c, err := net.DialTimeout("tcp", r.addr, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(hello)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
		c.Close()
	}
	for range 2 {
		if e := r.next(t); e.Kind != haechi.KindHello || e.Reason != haechi.ReasonTLSVersion || e.Ref == "" || e.Verdict != haechi.Deny {
			t.Errorf("event %+v", e)
		}
	}
	if len(r.events) > 0 {
		t.Errorf("more events: %+v", <-r.events)
	}
}
