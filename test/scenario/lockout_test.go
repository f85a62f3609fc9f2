package scenario_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
	"haechi/test/gateway"
)

// TestNobodyIsLockedOut: the allow list, this machine and trusted proxies are not
// acted on, whatever an operator types and whatever comes from there.
func TestNobodyIsLockedOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, settings{})
	friend, proxy := r.addr(30).String(), r.addr(40).String()
	r.configure(settings{top: fmt.Sprintf("allow: [%s]\ntrusted_proxies: [%s]", friend, proxy), bots: "device: { hold: 1s }",
		shop: "limits: { address: 5/min }"})
	r.start()
	listed, ours := []string{"allow list", "take it off"}, []string{"protected", "act on the device"} // the reason and the hint
	for about, says := range map[string][]string{
		"ip:" + friend: listed, "prefix:" + r.addr(0).String() + "/24": listed,
		"ip:127.0.0.1": append(ours, "this machine"), "ip:::1": append(ours, "this machine"), "ip:" + proxy: append(ours, "trusted proxy"),
	} {
		r.fails(1, says, "decisions", "add", about, "--reason", "oops")
	}
	r.fails(1, nil, "decisions", "add", "prefix:0.0.0.0/0", "--reason", "oops")
	if n := len(asked[[]haechi.Decision](r, "decisions", "--all")); n != 0 {
		t.Errorf("%d decisions came of it", n)
	}

	id := r.enrol("친구봇", "7777", demo.V333)
	id.Secret = haechi.Secret("wrong")
	p := r.phone(id, 30)
	for range 15 {
		p.refused(t)
	}
	for range 30 {
		if got := r.visitor(t, 30).get("/health"); got.StatusCode != http.StatusOK {
			t.Fatalf("the allowed address is limited: %d", got.StatusCode)
		}
	}
	for range 11 { // the same from elsewhere is decided about
		r.phone(id, 31).refused(t)
	}
	eventually(t, "the decision about somebody else", 5*time.Second, func() bool { return len(r.inForce()) > 0 })
	if ds := r.inForce(); len(ds) != 1 || ds[0].Scope.String() != "ip:"+r.addr(31).String() {
		t.Errorf("decided %+v", ds)
	}
	if x := asked[haechi.Explanation](r, "why", "127.0.0.1"); x.Protected == "" {
		t.Errorf("why does not say that it is protected: %+v", x)
	}
}

// operator is a person at the console.
type operator struct {
	*http.Client
	base string
}

// person opens the console by the login link that the gateway printed at its start.
func (r *rig) person(t *testing.T, i int) *operator {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(r.state(), "ca", "ca.crt"))
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	jar, err := cookiejar.New(nil)
	must(t, err)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
		return dialFrom(ctx, r.addr(i), address)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &operator{&http.Client{Jar: jar, Transport: tr, Timeout: gateway.Patient(20 * time.Second)}, "https://" + r.at(1, portConsole)}
}

// post sends a form as a page of the console does.
func (o *operator) post(t *testing.T, path string, pairs ...string) int {
	t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.base+path, strings.NewReader(form.Encode()))
	must(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", o.base)
	resp, err := o.Do(req)
	must(t, err)
	defer resp.Body.Close()
	return resp.StatusCode
}

const password = "moonlight over Seoul"

// TestTheOperatorIsNotLockedOut: the address of a live console session is not acted
// on, and a decision that was there before gives way to the login.
func TestTheOperatorIsNotLockedOut(t *testing.T) {
	t.Parallel()
	r := run(t, settings{console: true, bots: "device: { hold: 1s }"})
	link := regexp.MustCompile(`token=(\S+)`)
	eventually(t, "the login link", 5*time.Second, func() bool { return link.MatchString(r.proc.Out.String()) })
	token := link.FindStringSubmatch(r.proc.Out.String())[1]
	about := "ip:" + r.addr(31).String()
	r.ok("decisions", "add", about, "--reason", "before the login")

	o := r.person(t, 31)
	if got := o.post(t, "/login/first", "token", token, "name", "minji", "password", password, "again", password); got != http.StatusOK {
		t.Fatalf("the first login answers %d", got)
	}
	eventually(t, "the decision to give way", 5*time.Second, func() bool { return len(r.inForce()) == 0 })
	r.fails(1, []string{"console", "act on the device"}, "decisions", "add", about, "--reason", "oops")
	if got := r.visitor(t, 31).get("/health"); got.StatusCode != http.StatusOK {
		t.Errorf("the shop answers the operator %d", got.StatusCode)
	}
	id := r.enrol("장난봇", "8888", demo.V333)
	id.Secret = haechi.Secret("wrong")
	for range 15 {
		r.phone(id, 31).refused(t)
	}
	eventually(t, "the finding to be left without a decision", 5*time.Second, func() bool { return r.counter("decide_refused_protected") > 0 })
	if ds := r.inForce(); len(ds) != 0 {
		t.Errorf("decided %+v", ds)
	}
	if got := o.post(t, "/logout"); got != http.StatusOK {
		t.Errorf("the logout answers %d", got)
	}
	r.ok("decisions", "add", about, "--reason", "nobody is there any more")
}
