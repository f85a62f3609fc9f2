package httpgate_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPassesAndRecords(t *testing.T) {
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"},
		Routes: []httpgate.Route{{Path: "/api", Class: "api"}}}}}, echo())
	a := r.do("127.0.0.2", "POST", "shop.test/api/x?secret=1", strings.NewReader("hello"), "User-Agent", "probe")
	if a.StatusCode != 200 || !strings.HasSuffix(a.text, "hello") || a.Header.Get("X-Saw-Host") != "shop.test" {
		t.Errorf("%d %q", a.StatusCode, a.text)
	}
	if a.Header.Get(httpgate.RefHeader) != "" {
		t.Error("the upstream forged a reference")
	}
	e := r.next(t)
	if e.Kind != haechi.KindRequest || e.Outcome != haechi.Success || e.Service != "shop" || e.Addr.String() != "127.0.0.2" ||
		e.Method != "POST" || e.Host != "shop.test" || e.Path != "/api/x" || e.Status != 200 || e.Class != "api" ||
		e.UserAgent != "probe" || e.BytesIn != 5 || e.BytesOut != int64(len(a.text)) || e.Duration <= 0 ||
		e.Ref != "" || e.Session == 0 || e.Port == 0 || e.LocalPort == 0 || e.Assurance != haechi.Handshaken {
		t.Errorf("event %+v", e)
	}
}

func TestHosts(t *testing.T) {
	r := start(t, httpgate.Config{Name: "edge", Sites: []httpgate.Site{
		{Service: "shop", Hosts: []string{"Shop.test", "[::1]"}},
		{Service: "wild", Hosts: []string{"*.wild.test"}},
	}}, echo())
	for host, want := range map[string]string{
		"shop.test": "shop", "SHOP.TEST": "shop", "shop.test:8080": "shop", "shop.test.": "shop",
		"[::1]": "shop", "[::1]:80": "shop", "a.wild.test": "wild",
	} {
		if a := r.get(host + "/"); a.StatusCode != 200 {
			t.Errorf("%s: %d", host, a.StatusCode)
		} else if e := r.next(t); e.Service != want {
			t.Errorf("%s went to %s", host, e.Service)
		}
	}
	for _, host := range []string{"other.test", "127.0.0.1", "wild.test", "a.b.wild.test", "xshop.test", "shop.test.evil"} {
		e := r.refused(r.get(host+"/"), http.StatusMisdirectedRequest, haechi.ReasonUnknownHost)
		if e.Service != "edge" || e.Host != host {
			t.Errorf("event %+v", e)
		}
	}
}

func TestAnyHost(t *testing.T) {
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "any"}, {Service: "shop", Hosts: []string{"shop.test"}}}}, echo())
	for host, want := range map[string]string{"whatever": "any", "shop.test": "shop"} {
		r.get(host + "/")
		if e := r.next(t); e.Service != want {
			t.Errorf("%s went to %s", host, e.Service)
		}
	}
}

func TestWrongConfigurations(t *testing.T) {
	site := func(up string, hosts ...string) httpgate.Site {
		return httpgate.Site{Service: "s", Upstream: up, Hosts: hosts}
	}
	for name, sites := range map[string][]httpgate.Site{
		"none":         nil,
		"no upstream":  {site("")},
		"no scheme":    {site("127.0.0.1:80")},
		"ftp":          {site("ftp://127.0.0.1")},
		"path":         {site("http://127.0.0.1/app")},
		"query":        {site("http://127.0.0.1?x=1")},
		"user":         {site("http://u:p@127.0.0.1")},
		"two any":      {site("http://127.0.0.1"), site("http://127.0.0.1")},
		"same host":    {site("http://127.0.0.1", "a"), site("http://127.0.0.1", "A:80")},
		"same pattern": {site("http://127.0.0.1", "*.a"), site("http://127.0.0.1", "*.A")},
		"no service":   {{Upstream: "http://127.0.0.1"}},
	} {
		if _, err := httpgate.New(httpgate.Config{Sites: sites}, httpgate.Deps{}); haechi.KindOf(err) == haechi.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClasses(t *testing.T) {
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Routes: []httpgate.Route{
		{Path: "/", Class: "page"}, {Path: "/api/", Class: "api"}, {Path: "/api/login", Class: "login"}, {Path: "/static", Class: "asset"},
	}}}}, echo())
	for path, want := range map[string]string{
		"": "page", "x": "page", "apix": "page", "api": "api", "api/": "api", "api/loginx": "api", "api/login": "login",
		"api/login/2": "login", "API/Login": "login", "/api//login": "login", "./api/./login": "login", "x/../api/login": "login",
		"%61pi/login": "login", "api/login;s=1": "login", "x%2f..%2fapi%2flogin": "login", "static/a.css": "asset", "api/login?x=1": "login",
		"api;x=1/login": "login", "x/..;/api/login": "login", ";x/api/login": "login", "api/login.json": "login", "api/login%00.png": "login",
		"api/login%20": "login", "api%5clogin": "login", "x%5c..%5capi/login": "login", "API;/Login;/2": "login", "api/login-help": "api",
	} {
		r.get("h/" + path)
		if e := r.next(t); e.Class != want {
			t.Errorf("%s has class %q, want %q", path, e.Class, want)
		}
	}
}

func TestLoginFailures(t *testing.T) {
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Routes: []httpgate.Route{{Path: "/login", Class: "login"}}}}},
		http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			var status int
			fmt.Sscan(q.URL.Query().Get("s"), &status)
			w.WriteHeader(status)
		}))
	tests := []struct {
		url     string
		outcome haechi.Outcome
		reason  haechi.Reason
	}{
		{"h/login?s=401", haechi.Failure, haechi.ReasonUnauthorized},
		{"h/login?s=403", haechi.Failure, haechi.ReasonUnauthorized},
		{"h/login?s=200", haechi.Success, ""},
		{"h/login?s=302", haechi.Success, ""},
		{"h/login?s=404", haechi.Success, ""},
		{"h/page?s=401", haechi.Success, ""},
		{"h/page?s=403", haechi.Success, ""},
		{"h/login?s=500", haechi.Unknown, ""},
		{"h/page?s=503", haechi.Unknown, ""},
	}
	for _, tt := range tests {
		a := r.get(tt.url)
		if e := r.next(t); e.Outcome != tt.outcome || e.Reason != tt.reason || e.Status != a.StatusCode || e.Ref != "" {
			t.Errorf("%s: %v %q", tt.url, e.Outcome, e.Reason)
		}
	}
}

func TestRefusedMethods(t *testing.T) {
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "s"}}}, echo())
	r.refused(r.do("127.0.0.2", "TRACE", "h/", nil), http.StatusMethodNotAllowed, haechi.ReasonMalformed)
	for _, text := range []string{"CONNECT example.com:443 HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"} {
		_, br := r.raw("127.0.0.2", text)
		res, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		r.refused(answer{res, string(body)}, http.StatusMethodNotAllowed, haechi.ReasonMalformed)
	}
}

// An absolute request target names the host, whatever the Host header says, and
// never the upstream.
func TestAbsoluteTarget(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	_, br := r.raw("127.0.0.2", "GET http://other.test/ HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	res, err := http.ReadResponse(br, nil)
	if err != nil || res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("%v %v", res, err)
	}
}

func TestConnectionsOfUnknownClientsAreNotServed(t *testing.T) {
	g, err := httpgate.New(httpgate.Config{Sites: []httpgate.Site{{Service: "s", Upstream: "http://127.0.0.1:1"}}}, httpgate.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve(t.Context(), ln) }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("it was served")
	}
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestEventTextIsBounded(t *testing.T) {
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "s"}}}, echo())
	r.get("h/"+strings.Repeat("가", 200), "User-Agent", strings.Repeat("u", 1000))
	e := r.next(t)
	if len(e.Path) > 256 || len(e.Path) < 250 || !strings.HasSuffix(e.Path, "가") || len(e.UserAgent) != 256 {
		t.Errorf("path %d bytes, agent %d", len(e.Path), len(e.UserAgent))
	}
	r.get("h/%ff%fe")
	if e := r.next(t); e.Path != "/\uFFFD" {
		t.Errorf("path %q", e.Path)
	}
}
