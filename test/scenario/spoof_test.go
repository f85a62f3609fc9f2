package scenario_test

import (
	"bufio"
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

// forged are the headers by which clients say that they are somebody else.
func forged() []string {
	return []string{"X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "CF-Connecting-IPv6", "True-Client-IP", "X-Client-IP",
		"Client-IP", "X-Cluster-Client-IP", "Fastly-Client-IP", "X-Original-Forwarded-For", "X-Envoy-External-Address", "X-Remote-IP", "X-Remote-Addr",
		"X-Originating-IP", "X-Azure-ClientIP", "Proxy-Client-IP", "WL-Proxy-Client-IP", "X_Forwarded_For", "X_Real_IP", "CF_Connecting_IP",
		"X-Forwarded", "X-Forwarded-By", "X-Forwarded-Client-IP", "X-Haechi-Client"}
}

// way is one way by which a request comes, with whom it must be taken for.
type way struct {
	name, from, to string
	begin          string   // before the request: a PROXY header
	honest         []string // what the proxies of ours add, behind what the client forged
	want           string
}

// proxyV2 is a PROXY header of version 2 for TCP over IPv4, or IPv6.
func proxyV2(src, dst string) string {
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	family := byte(0x11)
	if s.Is6() {
		family = 0x21
	}
	body := append(append(s.AsSlice(), d.AsSlice()...), 0x30, 0x39, 0x01, 0xbb)
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x21, family)
	return string(append(binary.BigEndian.AppendUint16(b, uint16(len(body))), body...))
}

// TestSpoofedHeaders: whatever a client forges, and by whatever way it comes, it is
// taken for what the connection, a PROXY header or a trusted proxy says, and the server
// behind reads nothing else.
func TestSpoofedHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	cdn, balancer, sender, stranger := r.addr(40).String(), r.addr(41).String(), r.addr(42).String(), r.addr(20).String()
	const victim, real4, real6 = "203.0.113.7", "198.51.100.9", "2001:db8:9::1"
	proxied := r.at(1, 8081)
	r.configure(settings{top: fmt.Sprintf("trusted_proxies: [%s, %s, 127.0.0.1, 192.0.2.0/24]", cdn, balancer), shop: "limits: { address: 10000/s }", services: fmt.Sprintf(
		"  proxied:\n    kind: http\n    hosts: [%s]\n    listen: [%q]\n    proxy_protocol: [%s]\n    upstream: http://%s\n    limits: { address: 10000/s }\n", shopHost, proxied, sender, r.at(hostUpstream, portWebUpstrm))})
	r.start()
	r.ok("decisions", "add", "ip:"+victim, "--reason", "test")
	ways := []way{
		{"direct", stranger, r.shopAddr(), "", nil, stranger},
		{"CDN", cdn, r.shopAddr(), "", []string{real4}, real4},
		{"CDN, IPv6", cdn, r.shopAddr(), "", []string{real6}, real6},
		{"tunnel on this machine", "127.0.0.1", r.shopAddr(), "", []string{real4}, real4},
		{"CDN and balancer", balancer, r.shopAddr(), "", []string{real4, cdn}, real4},
		{"CDN, balancer, tunnel", "127.0.0.1", r.shopAddr(), "", []string{real6, cdn, balancer}, real6},
		{"client behind a proxy of its own", cdn, r.shopAddr(), "", []string{"10.9.9.9", real4}, real4},
		{"PROXY 1", sender, proxied, "PROXY TCP4 " + real4 + " 192.0.2.1 12345 443\r\n", nil, real4},
		{"PROXY 1, IPv6", sender, proxied, "PROXY TCP6 " + real6 + " 2001:db8::1 12345 443\r\n", nil, real6},
		{"PROXY 2", sender, proxied, proxyV2(real4, "192.0.2.1"), nil, real4},
		{"PROXY 2, IPv6", sender, proxied, proxyV2(real6, "2001:db8::1"), nil, real6},
		{"PROXY 2 of a CDN", sender, proxied, proxyV2("192.0.2.77", "192.0.2.1"), []string{real4}, real4},
	}
	for _, w := range ways {
		for _, name := range append(forged(), "") { // each alone, then all at once
			t.Run(w.name+"/"+name, func(t *testing.T) { r.with(t).trySpoof(t, w, name, victim) })
		}
	}
	t.Run("PROXY of a stranger", func(t *testing.T) {
		if raw := r.says(t, stranger, proxied, "PROXY TCP4 "+real4+" 192.0.2.1 1 2\r\nGET /echo HTTP/1.1\r\nHost: "+shopHost+"\r\n\r\n"); strings.HasPrefix(raw, "HTTP/1.1 200") || raw != "" && !strings.Contains(raw, "X-Haechi-Ref: ") {
			t.Errorf("answered %q", raw)
		}
	})
	t.Run("PROXY where none is read", func(t *testing.T) {
		raw := r.says(t, cdn, r.shopAddr(), "PROXY TCP4 "+real4+" 192.0.2.1 1 2\r\nGET /echo HTTP/1.1\r\nHost: "+shopHost+"\r\n\r\n")
		if !strings.HasPrefix(raw, "HTTP/1.1 400 ") || !strings.Contains(raw, "X-Haechi-Ref: ") {
			t.Errorf("answered %q", raw)
		}
	})
	t.Run("trusted proxies are never acted on", func(t *testing.T) {
		for _, who := range []string{cdn, balancer, "127.0.0.1", "192.0.2.77"} {
			if a := r.cli("decisions", "add", "ip:"+who, "--reason", "test"); a.Code == 0 || !strings.Contains(a.Err, "proxy") && !strings.Contains(a.Err, "address of this machine") {
				t.Errorf("%s can be banned: %d %s", who, a.Code, a.Err)
			}
		}
	})
}

// trySpoof sends one request with the forged header, or with all of them for "".
func (r *rig) trySpoof(t *testing.T, w way, name, victim string) {
	var b strings.Builder
	b.WriteString(w.begin + "GET /echo HTTP/1.1\r\nHost: " + shopHost + "\r\nConnection: close\r\n")
	chain := []string{}
	for _, n := range forged() {
		switch {
		case name != "" && name != n:
		case n == "X-Forwarded-For":
			chain = append(chain, victim)
		case n == "Forwarded":
			b.WriteString("Forwarded: for=" + victim + ";proto=https\r\n")
		default:
			b.WriteString(n + ": " + victim + "\r\n")
		}
	}
	if chain = append(chain, w.honest...); len(chain) > 0 {
		b.WriteString("X-Forwarded-For: " + strings.Join(chain, ", ") + "\r\n")
	}
	b.WriteString("\r\n")
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(r.says(t, w.from, w.to, b.String()))), nil)
	must(t, err)
	if res.StatusCode != http.StatusOK || res.Header.Get("Echo-X-Real-Ip") != w.want || !strings.HasPrefix(res.Header.Get("Echo-X-Forwarded-For"), w.want) {
		t.Errorf("answered %d, taken for %q, chain %q, want %s", res.StatusCode, res.Header.Get("Echo-X-Real-Ip"), res.Header.Get("Echo-X-Forwarded-For"), w.want)
	}
	for _, got := range strings.Fields(res.Header.Get("Echo-Names")) {
		switch got {
		case "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "User-Agent", "Accept-Encoding":
			continue
		}
		if trusted := len(w.honest) > 0; !trusted || !strings.HasPrefix(got, "X-Forwarded") {
			t.Errorf("the server behind reads %s", got)
		}
	}
	if strings.Contains(res.Header.Get("Echo-X-Forwarded-For"), victim) {
		t.Errorf("the server behind reads the chain %q", res.Header.Get("Echo-X-Forwarded-For"))
	}
}

// says sends text from the address and returns all that comes back.
func (r *rig) says(t *testing.T, from, to, text string) string {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	c, err := d.DialContext(t.Context(), "tcp", to)
	must(t, err)
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(c, text)
	must(t, err)
	b, _ := io.ReadAll(c) // a reset is an answer too
	return string(b)
}

// TestOneProxyIsTold: a proxy that nobody named is told of with what to do, in both
// languages; named, it is not.
func TestOneProxyIsTold(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	proxy := r.addr(50).String()
	if strings.Contains(r.ok("status"), "trusted_proxies") {
		t.Error("it is told of before anybody came")
	}
	v := r.visitor(t, 50)
	for i := range 120 {
		v.get("/health", "X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i))
	}
	if out := r.ok("status"); !strings.Contains(out, "add "+proxy+" to trusted_proxies") {
		t.Errorf("haechi status says %s", out)
	}
	if out := r.ok("status", "--lang", "ko"); !strings.Contains(out, "trusted_proxies에 "+proxy) {
		t.Errorf("haechi status says %s", out)
	}
	s := asked[haechi.Status](r, "status")
	if s.Services[1].OneProxy.String() != proxy {
		t.Errorf("status: %+v", s.Services)
	}
	r.configure(settings{top: "trusted_proxies: [" + proxy + "]"})
	r.ok("reload")
	if out := r.ok("status"); strings.Contains(out, "trusted_proxies") {
		t.Errorf("it is told of when it is trusted: %s", out)
	}
	for range 250 { // the limit of an address is 100 a second; a proxy has none
		if p := v.get("/health"); p.StatusCode != http.StatusOK {
			t.Fatalf("the proxy itself is answered %d", p.StatusCode)
		}
	}
}
