package scenario_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
	"haechi/test/gateway"
)

// visitor is a web client with an address of its own that keeps its connections.
type visitor struct {
	t *testing.T
	r *rig
	*http.Client
	fresh int // connections it had to make
}

func (r *rig) visitor(t *testing.T, i int) *visitor { return r.visitorFrom(t, r.addr(i)) }

func (r *rig) visitorFrom(t *testing.T, from netip.Addr) *visitor {
	t.Helper()
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialFrom(ctx, from, r.shopAddr())
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &visitor{t: t, r: r, Client: &http.Client{Transport: tr, Timeout: gateway.Patient(10 * time.Second),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// page is an answer with its body.
type page struct {
	*http.Response
	body string
}

// ask sends a request for the shop; the error is that of the connection.
func (v *visitor) ask(method, path, body string, headers ...string) (page, error) {
	v.t.Helper()
	ctx := httptrace.WithClientTrace(v.t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if !i.Reused {
			v.fresh++
		}
	}})
	req, err := http.NewRequestWithContext(ctx, method, "http://"+shopHost+path, strings.NewReader(body))
	must(v.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := v.Do(req)
	if err != nil {
		return page{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return page{resp, string(b)}, err
}

// get fetches a page, which must answer.
func (v *visitor) get(path string, headers ...string) page {
	v.t.Helper()
	p, err := v.ask(http.MethodGet, path, "", headers...)
	if err != nil {
		v.t.Fatalf("GET %s: %v", path, err)
	}
	return p
}

// TestReloadKeepsConnections: neither a device nor a keep-alive client notices a
// reload, by command or by signal.
func TestReloadKeepsConnections(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	p := r.phone(r.enrol("고집봇", "3333", demo.V333), 10)
	s := p.connected()
	v := r.visitor(t, 20)
	v.get("/health")
	turned := r.knock(t)
	for i := range 4 {
		r.configure(settings{shop: fmt.Sprintf("limits: { address: %d/s }", 500+i)})
		if i%2 == 0 {
			r.ok("reload")
		} else {
			r.hangup(t, "configuration reloaded")
		}
		p.chats(s, fmt.Sprint("다시 읽기 ", i))
		if got := v.get("/health"); got.StatusCode != http.StatusOK {
			t.Errorf("after reload %d the shop answers %d", i, got.StatusCode)
		}
		other := r.visitor(t, 21)
		if got := other.get("/health"); got.StatusCode != http.StatusOK {
			t.Errorf("after reload %d a new client gets %d", i, got.StatusCode)
		}
	}
	if p.Counts().Connects != 1 {
		t.Errorf("the phone connected %d times", p.Counts().Connects)
	}
	if v.fresh != 1 {
		t.Errorf("the web client connected %d times", v.fresh)
	}
	turned()
}

// knock connects to both services again and again until the returned function is
// called, which wants that nobody was turned away.
func (r *rig) knock(t *testing.T) (done func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		var err error
		tick := time.NewTicker(4 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil && err == nil {
			for _, address := range []string{r.botsAddr(), r.shopAddr()} {
				var c net.Conn
				if c, err = dialFrom(t.Context(), r.addr(98), address); err != nil {
					break
				}
				err = c.Close()
			}
			<-tick.C
		}
		failed <- err
	}()
	return func() {
		stop()
		if err := <-failed; err != nil {
			t.Errorf("turned away: %v", err)
		}
	}
}

// hangup sends SIGHUP and waits until the log says what came of it.
func (r *rig) hangup(t *testing.T, says string) {
	t.Helper()
	n := strings.Count(r.proc.Err.String(), says)
	r.proc.Signal(syscall.SIGHUP)
	eventually(t, "the log to say "+says, 10*time.Second, func() bool { return strings.Count(r.proc.Err.String(), says) > n })
}

// TestReloadOfABrokenFile: the running configuration stays, and every mistake is
// told with its line.
func TestReloadOfABrokenFile(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	r.proc.Troubled = true
	v := r.visitor(t, 20)
	r.configure(settings{shop: "lmits: { address: 1/s }\nupstraem: x"})
	r.fails(1, []string{":14:", ":15:", "lmits", "upstraem", "2 mistakes"}, "reload")
	r.hangup(t, "the running configuration stays")
	r.fails(1, []string{":14:", ":15:"}, "check")
	r.ok("status") // the gateway that runs is operated all the same
	if err := r.api.Reload(t.Context()); haechi.KindOf(err) != haechi.Invalid || !strings.Contains(err.Error(), ":14:") || !strings.Contains(err.Error(), "lmits") {
		t.Errorf("the interface says %v", err)
	}
	if last := asked[[]haechi.AuditEntry](r, "audit", "--limit", "1")[0]; last.Action != "config.reload.failed" {
		t.Errorf("audited %+v", last)
	}
	for range 20 {
		if got := v.get("/health"); got.StatusCode != http.StatusOK {
			t.Fatalf("the shop answers %d", got.StatusCode)
		}
	}
	r.write(strings.Replace(r.plain(), "zone: Asia/Seoul", "zone: UTC", 1))
	r.fails(1, []string{"zone", "restart"}, "reload")
	r.write(r.plain())
	r.ok("reload")
	if got := v.get("/health"); got.StatusCode != http.StatusOK {
		t.Errorf("the shop answers %d", got.StatusCode)
	}
}

// plain is the text of the configuration without additions.
func (r *rig) plain() string {
	r.t.Helper()
	r.configure(settings{})
	return r.text()
}

// TestReloadBringsNewLimits: new connections live under the new limits, and so does
// what comes on old ones, which stay.
func TestReloadBringsNewLimits(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	p := r.phone(r.enrol("한도봇", "4444", demo.V333), 10)
	s := p.connected()
	v := r.visitor(t, 20)
	v.get("/health")
	r.configure(settings{bots: "limits: { device: [3/min], pause: 0s }", shop: "limits: { address: 5/min }"})
	r.ok("reload")
	p.chats(s, "아직 있어요")
	q := r.phone(r.enrol("한도봇", "5555", demo.V333), 11)
	fresh := q.connected() // the answer to the ping is a message too
	for range 5 {
		must(t, fresh.Say("방", "!time"))
	}
	if _, err := fresh.Until("error"); err != nil {
		t.Fatal(err)
	}
	if got := q.Counts(); got.Last.Code != "RATE_LIMIT" || got.Replies > 3 {
		t.Errorf("under the new limit: %+v", got)
	}
	refused := 0
	for range 10 {
		if v.get("/health").StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 5 {
		t.Errorf("%d of 10 requests were refused by the new limit of 5", refused)
	}
}

// TestReloadOfTheAllowList: an address that is allowed from now on is free at once.
func TestReloadOfTheAllowList(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	addr := r.addr(30).String()
	d := asked[haechi.Decision](r, "decisions", "add", "ip:"+addr, "--reason", "looked like a scanner")
	if _, err := r.visitor(t, 30).ask(http.MethodGet, "/health", ""); err == nil {
		t.Error("the decision is not in force")
	}
	r.configure(settings{top: "allow: [" + addr + "]"})
	r.ok("reload")
	if got := r.visitor(t, 30).get("/health"); got.StatusCode != http.StatusOK {
		t.Errorf("the allowed address gets %d", got.StatusCode)
	}
	eventually(t, "the decision to be lifted", 5*time.Second, func() bool { return len(r.inForce()) == 0 })
	all := asked[[]haechi.Decision](r, "decisions", "--all")
	if len(all) != 1 || all[0].ID != d.ID || all[0].LiftedAt.IsZero() || all[0].LiftReason == "" {
		t.Errorf("it is kept as %+v", all)
	}
	if x := asked[haechi.Explanation](r, "why", addr); len(x.Lift) != 0 {
		t.Errorf("why still names a way to lift it: %+v", x)
	}
}
