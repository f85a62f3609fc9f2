package scenario_test

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"haechi"
)

// TestBadWebInputIsExplained: what never became a request has a reference that `why`
// resolves, over HTTP/1, over TLS and over HTTP/2. The table of all bad input is in
// internal/ingress/httpgate.
func TestBadWebInputIsExplained(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	secure := r.at(1, 8443)
	r.configure(settings{services: fmt.Sprintf("  secure:\n    kind: http\n    hosts: [%s]\n    listen: [%q]\n    tls: { dev_ca: true }\n    upstream: http://%s\n",
		shopHost, secure, r.at(hostUpstream, portWebUpstrm))})
	r.start()
	for i, c := range []struct {
		name, to, text string
		status         int
		reason         haechi.Reason
		rule           string
	}{
		{"two lengths", r.shopAddr(), "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, haechi.ReasonMalformed, "http/unreadable"},
		{"unknown coding", r.shopAddr(), "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: x\r\n\r\n", 501, haechi.ReasonMalformed, "http/transfer-coding"},
		{"10,000 cookies", r.shopAddr(), "GET / HTTP/1.1\r\nHost: shop.test\r\nCookie: " + strings.Repeat("ab=1; ", 10_000) + "\r\n\r\n", 431, haechi.ReasonOversize, "http/header-size"},
		{"bad chunk", r.shopAddr(), "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, haechi.ReasonMalformed, "http/body"},
		{"zero byte", r.shopAddr(), "GET /%00 HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n", 400, haechi.ReasonMalformed, "http/path"},
		{"plain to TLS", secure, "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n", 400, haechi.ReasonMalformed, "tls/required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := r.with(t)
			res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(r.says(t, r.addr(20+i).String(), c.to, c.text))), nil)
			must(t, err)
			body, err := io.ReadAll(res.Body)
			must(t, err)
			if e := r.refusedWith(t, page{res, string(body)}, c.status, c.reason); e.Rule != c.rule {
				t.Errorf("rule %s, want %s", e.Rule, c.rule)
			}
		})
	}
	t.Run("HTTP/2 flood", func(t *testing.T) { r.with(t).flooded(t, secure) })
	if n := r.web.shop.Counts().Requests; n != 0 {
		t.Errorf("the shop was asked %d times", n)
	}
}

// flooded sends pings until the connection ends, and looks the reference of its last
// frame up.
func (r *rig) flooded(t *testing.T, to string) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(r.addr(30), 0)), Timeout: 5 * time.Second}
	raw, err := d.Dial("tcp", to)
	must(t, err)
	defer raw.Close()
	must(t, raw.SetDeadline(time.Now().Add(20*time.Second)))
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, ServerName: shopHost, NextProtos: []string{"h2"}})
	must(t, c.Handshake())
	ping := append([]byte{0, 0, 8, 6, 0, 0, 0, 0, 0}, "12345678"...)
	go func() {
		_, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
		for i := 0; err == nil && i < 100_000; i++ {
			_, err = c.Write(ping)
		}
	}()
	var last []byte
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(c, head); err != nil {
			break
		}
		last = make([]byte, binary.BigEndian.Uint32(append([]byte{0}, head[:3]...)))
		if _, err := io.ReadFull(c, last); err != nil {
			break
		}
	}
	if len(last) < 8 {
		t.Fatalf("the last frame holds %q", last)
	}
	ref, err := haechi.ParseReference(string(last[8:]))
	must(t, err)
	var x haechi.Explanation
	eventually(t, "the flood to be recorded", 5*time.Second, func() bool {
		return len(askedOr(r, &x, "why", string(ref)).Refusals) > 0
	})
	if e := x.Refusals[0]; e.Rule != "http2/frames" || e.Reason != haechi.ReasonFlood || e.Observed <= e.Threshold {
		t.Errorf("why %s says %+v", ref, e)
	}
}
