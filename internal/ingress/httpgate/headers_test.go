package httpgate_test

import (
	"slices"
	"strings"
	"testing"

	"haechi/internal/ingress/httpgate"
)

// spoofs are the headers by which clients try to be somebody else.
func spoofs() []string {
	return []string{
		"X-Forwarded-For", "6.6.6.6", "X-Forwarded-Host", "evil.test", "X-Forwarded-Proto", "evil", "X-Forwarded-Port", "666",
		"X-Forwarded-Prefix", "/evil", "X-Real-Ip", "6.6.6.6", "Forwarded", "for=6.6.6.6", "X-Haechi-Device", "6.6.6.6",
		"X-Haechi-Ref", "EVILX-EVILX", "True-Client-Ip", "6.6.6.6", "Cf-Connecting-Ip", "6.6.6.6", "X-Client-Ip", "6.6.6.6",
		"X_forwarded_for", "6.6.6.6", "X_real_ip", "6.6.6.6", "X-Original-Url", "/evil", "X-Rewrite-Url", "/evil",
		"X-Cluster-Client-Ip", "6.6.6.6", "Client-Ip", "6.6.6.6", "Fastly-Client-Ip", "6.6.6.6",
		"X-Remote-Ip", "6.6.6.6", "X-Remote-Addr", "evil", "X-Originating-Ip", "6.6.6.6", "X-Azure-Clientip", "evil",
		"Proxy-Client-Ip", "6.6.6.6", "Wl-Proxy-Client-Ip", "6.6.6.6", "Proxy", "http://evil.test",
		"Client-Cert", ":ZXZpbA==: evil", "Client_cert", "evil", "Client-Cert-Chain", "evil", "Content_length", "5 evil", "Transfer_encoding", "evil",
	}
}

// lines are the forwarding headers that the upstream saw.
func lines(text string) []string {
	var out []string
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		low := strings.ToLower(l)
		if strings.Contains(low, "forward") || strings.Contains(low, "-ip") || strings.Contains(low, "_ip") ||
			strings.Contains(low, "haechi") || strings.Contains(low, "-url") || strings.Contains(low, "evil") {
			out = append(out, l)
		}
	}
	slices.Sort(out)
	return out
}

func TestSpoofedHeaders(t *testing.T) { everyWay(t, spoofedHeaders) }

func spoofedHeaders(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	tests := []struct {
		name, from string
		headers    []string
		client     string
		want       []string
	}{
		{"stranger, nothing", "127.0.0.2", nil, "127.0.0.2",
			[]string{"X-Forwarded-For: 127.0.0.2", "X-Forwarded-Host: shop.test", "X-Forwarded-Proto: http", "X-Real-Ip: 127.0.0.2"}},
		{"stranger, everything", "127.0.0.2", spoofs(), "127.0.0.2",
			[]string{"X-Forwarded-For: 127.0.0.2", "X-Forwarded-Host: shop.test", "X-Forwarded-Proto: http", "X-Real-Ip: 127.0.0.2"}},
		{"stranger strips by Connection", "127.0.0.2", []string{"Connection", "X-Forwarded-For, X-Real-Ip, close"}, "127.0.0.2",
			[]string{"X-Forwarded-For: 127.0.0.2", "X-Forwarded-Host: shop.test", "X-Forwarded-Proto: http", "X-Real-Ip: 127.0.0.2"}},
		{"proxy", "127.0.0.8", []string{"X-Forwarded-For", "6.6.6.6, 203.0.113.7", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "front.test",
			"X-Real-Ip", "6.6.6.6", "True-Client-Ip", "6.6.6.6", "X-Haechi-Device", "x", "X-Forwarded-Port", "443", "X_forwarded_for", "6.6.6.6"},
			"203.0.113.7", []string{"X-Forwarded-For: 203.0.113.7, 127.0.0.8", "X-Forwarded-Host: front.test", "X-Forwarded-Port: 443",
				"X-Forwarded-Proto: https", "X-Real-Ip: 203.0.113.7"}},
		{"proxy with an odd scheme", "127.0.0.8", []string{"X-Forwarded-For", "203.0.113.7", "X-Forwarded-Proto", "evil"}, "203.0.113.7",
			[]string{"X-Forwarded-For: 203.0.113.7, 127.0.0.8", "X-Forwarded-Host: shop.test", "X-Forwarded-Proto: http", "X-Real-Ip: 203.0.113.7"}},
		{"proxy itself", "127.0.0.8", nil, "127.0.0.8",
			[]string{"X-Forwarded-For: 127.0.0.8", "X-Forwarded-Host: shop.test", "X-Forwarded-Proto: http", "X-Real-Ip: 127.0.0.8"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := r.do(tt.from, "GET", "shop.test/", nil, tt.headers...)
			if got := lines(a.text); !slices.Equal(got, tt.want) {
				t.Errorf("the upstream saw\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			e := r.next(t)
			if e.Addr.String() != tt.client || (e.Port != 0) != (tt.client == tt.from) {
				t.Errorf("client %v port %d", e.Addr, e.Port)
			}
		})
	}
}

func TestHonestHeadersPass(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	a := r.get("shop.test/", "Cookie", "a=b", "Authorization", "Bearer x", "X-Requested-With", "y", "X-Csrf-Token", "z",
		"Cf-Ray", "1", "From", "me", "Cache-Control", "no-cache", "X-Forbidden", "1", "Te", "trailers")
	for _, want := range []string{"Cookie: a=b", "Authorization: Bearer x", "X-Requested-With: y", "X-Csrf-Token: z", "Cf-Ray: 1", "From: me", "Cache-Control: no-cache", "X-Forbidden: 1"} {
		if !strings.Contains(a.text, want+"\n") {
			t.Errorf("%q was lost", want)
		}
	}
}
