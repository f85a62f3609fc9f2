package api_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/show/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var at = time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.UTC)

type rig struct {
	t       *testing.T
	control *control
	handler http.Handler
	client  *api.Client
	log     *strings.Builder
}

func newRig(t *testing.T) *rig {
	t.Helper()
	c := &control{stream: make(chan haechi.Event, 4)}
	r := &rig{t: t, control: c, log: &strings.Builder{}}
	r.handler = api.New(api.Deps{Watcher: c, Devices: c, Fleet: c, Enrolment: c, Decisions: c, Importer: c, Explainer: c, Keeper: c, Replayer: c, Excepter: c, Usual: c, Attacker: c, Drainer: c, Closeups: c,
		Operator: func(r *http.Request) (haechi.Operator, bool) {
			return haechi.Operator{Name: "minji", Via: "cli"}, r.Header.Get("X-Nobody") == ""
		},
		Now: func() time.Time { return at }, Log: slog.New(slog.NewTextHandler(r.log, nil))})
	s := httptest.NewServer(r.handler)
	t.Cleanup(s.Close)
	r.client = api.NewClient(s.Client(), s.URL)
	return r
}

func (r *rig) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w
}

// TestClientAndServerAgree sends every filter through the client and compares
// what the control is asked.
func TestClientAndServerAgree(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	source, err := haechi.ParseScope("ip:2001:db8::/64")
	if err != nil {
		t.Fatal(err)
	}
	f := haechi.EventFilter{Since: at, Until: at.Add(time.Hour), Kinds: []haechi.Kind{haechi.KindAuth, haechi.KindMessage}, Service: "bots & co",
		Device: "LOA.i/0123=&", Source: source, Ref: "7K29Q-XM4TC", Failures: true, AtLeast: haechi.High, Limit: 7}
	events, err := r.client.Events(ctx, f)
	if err != nil || len(events) != 1 || events[0].Reason != haechi.ReasonReplay || !events[0].Time.Equal(at) {
		t.Errorf("events %v, %v", events, err)
	}
	same := cmpopts.EquateComparable(haechi.Scope{})
	if d := cmp.Diff(f, r.control.event, same); d != "" {
		t.Errorf("the event filter changed on its way: %s", d)
	}
	df := haechi.DeviceFilter{Key: "도매까봇/1", Statuses: []haechi.DeviceStatus{haechi.Pending, haechi.Blocked}, Service: "bots", Limit: 3}
	if _, err := r.client.Devices(ctx, df); err != nil || !cmp.Equal(df, r.control.device) {
		t.Errorf("devices %v, %+v", err, r.control.device)
	}
	cf := haechi.DecisionFilter{OpenAt: at, ID: "7K29Q-XM4TC", About: source, Since: at, Limit: 2}
	if _, err := r.client.Decisions(ctx, cf); err != nil || !cmp.Equal(cf, r.control.decision, same) {
		t.Errorf("decisions %v, %+v", err, r.control.decision)
	}
	if _, err := r.client.Decisions(ctx, haechi.DecisionFilter{}); err != nil || !r.control.decision.OpenAt.IsZero() {
		t.Errorf("all decisions: %v, %+v", err, r.control.decision)
	}
}

func TestReading(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	o, err := r.client.Overview(ctx)
	check(t, err, o.AuthFailures == 13)
	s, err := r.client.Status(ctx)
	check(t, err, s.Version == "0.1.0")
	findings, err := r.client.Findings(ctx, 3)
	check(t, err, len(findings) == 3)
	incidents, err := r.client.Incidents(ctx, 2)
	check(t, err, len(incidents) == 2)
	why, err := r.client.Why(ctx, "ip & more")
	check(t, err, why.Query == "ip & more")
	rules, err := r.client.Rules(ctx)
	check(t, err, len(rules) == 1 && rules[0].Window == time.Minute)
	names, err := r.client.Reports(ctx)
	check(t, err, len(names) == 1)
	table, err := r.client.Report(ctx, "daily")
	check(t, err, table.Name == "daily")
	audit, err := r.client.Audit(ctx, 5)
	check(t, err, audit[0].Seq == 5)
	if body := r.do(http.MethodGet, "/api/v1/devices", "").Body.String(); body != `{"items":[]}`+"\n" {
		t.Errorf("an empty list is %s", body)
	}
}

func check(t *testing.T, err error, ok bool) {
	t.Helper()
	if err != nil || !ok {
		t.Errorf("wrong answer, %v", err)
	}
}

func TestActing(t *testing.T) {
	r, ctx := newRig(t), t.Context()
	asked := func(err error, want string) {
		t.Helper()
		if err != nil || r.control.called != want || r.control.op != (haechi.Operator{Name: "minji", Via: "cli"}) {
			t.Errorf("asked %q by %v, %v; want %q", r.control.called, r.control.op, err, want)
		}
	}
	d, err := r.client.SetDeviceStatus(ctx, "LOA.i/1", haechi.Blocked, "stolen")
	asked(err, "status LOA.i/1 blocked stolen")
	check(t, err, d.Status == haechi.Blocked)
	_, err = r.client.SetDeviceStatus(ctx, "a/b/c", haechi.Approved, "")
	asked(err, "status a/b/c approved ")
	k, err := r.client.NewDeviceKey(ctx, "LOA.i/1")
	asked(err, "key LOA.i/1")
	check(t, err, k.ID == "k1" && k.Secret == "s" && k.Device == "LOA.i/1")
	asked(r.client.RetireDeviceKey(ctx, "LOA.i/1", "k1"), "retire LOA.i/1 k1")
	_, err = r.client.LiftDecision(ctx, "7k29qxm4tc", "mistake")
	asked(err, "lift 7K29Q-XM4TC mistake")
	asked(r.client.Reload(ctx), "reload")
	asked(r.client.Backup(ctx, "/var/backups/../backups/h.db"), "backup /var/backups/h.db")
	asked(r.client.Undo(ctx, 17), "undo 17")
	d, err = r.client.AddDevice(ctx, "bots", "LOA.i/9")
	asked(err, "new bots LOA.i/9")
	check(t, err, d.Key == "LOA.i/9")
	rows, err := r.client.DeleteDevice(ctx, "LOA.i/9", "gone")
	asked(err, "delete LOA.i/9 gone")
	check(t, err, rows == 7)
	link, err := r.client.LoginLink(ctx)
	asked(err, "link")
	check(t, err, strings.HasSuffix(link, "token=x"))
	replay, err := r.client.Replay(ctx, at)
	check(t, err, replay.Since.Equal(at) && replay.Events == 3)
	n, err := r.client.VerifyAudit(ctx)
	check(t, err, n == 42)
	scope, err := haechi.ParseScope("ip:203.0.113.7")
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.client.AddDecision(ctx, api.DecisionRequest{Scope: scope, Action: haechi.Deny, Reason: "scans", For: "30m"})
	asked(err, "add")
	if a := r.control.added; a.Scope != scope || a.Mode != haechi.Enforce || a.Origin != haechi.OriginOperator || a.By != "minji" ||
		!a.From.Equal(at) || !a.Until.Equal(at.Add(30*time.Minute)) {
		t.Errorf("added %+v", a)
	}
	told, err := r.client.ImportDecisions(ctx, api.ImportRequest{Action: haechi.Deny, Reason: "5 failures", DryRun: true,
		Entries: []api.ImportEntry{{Scope: scope, Peer: "fail2ban/sshd", For: "10m"}, {Scope: scope, Peer: "fail2ban/web"}}})
	asked(err, "import")
	want := []haechi.Decision{
		{Scope: scope, Action: haechi.Deny, Mode: haechi.Enforce, Rule: "fail2ban/sshd", Reason: "5 failures", Origin: haechi.OriginPeer, From: at, Until: at.Add(10 * time.Minute)},
		{Scope: scope, Action: haechi.Deny, Mode: haechi.Enforce, Rule: "fail2ban/web", Reason: "5 failures", Origin: haechi.OriginPeer, From: at},
	}
	if d := cmp.Diff(want, r.control.imported, cmpopts.EquateComparable(scope)); d != "" || told.Added != 2 || !told.DryRun {
		t.Errorf("imported %+v: %s", told, d)
	}
	lifted, err := r.client.WithdrawDecisions(ctx, api.WithdrawRequest{Peer: "fail2ban/sshd", All: true, Reason: "stopped"})
	asked(err, "withdraw  fail2ban/sshd stopped")
	check(t, err, len(lifted) == 1)
}

func TestBadInput(t *testing.T) {
	r := newRig(t)
	status := "/api/v1/devices/status"
	for _, c := range []struct{ method, path, body, says string }{
		{"GET", "/api/v1/events?sevrity=high", "", "no parameter"},
		{"GET", "/api/v1/events?severity=worst", "", "is no severity"},
		{"GET", "/api/v1/events?severity=high&severity=low", "", "given twice"},
		{"GET", "/api/v1/events?limit=0", "", "limit"},
		{"GET", "/api/v1/events?limit=10001", "", "limit"},
		{"GET", "/api/v1/events?since=yesterday", "", "no time"},
		{"GET", "/api/v1/events?source=ip:999", "", "parse scope"},
		{"GET", "/api/v1/events?failures=1", "", "neither true nor false"},
		{"GET", "/api/v1/events?device=" + strings.Repeat("x", 513), "", "too long"},
		{"GET", "/api/v1/events?x=%zz", "", "malformed"},
		{"GET", "/api/v1/decisions?id=short", "", "reference"},
		{"GET", "/api/v1/why", "", "missing"},
		{"GET", "/api/v1/overview?x=1", "", "no parameter"},
		{"POST", status, `{"device":"a/b","status":"blocked"}`, "reason is missing"},
		{"POST", status, `{"device":"a/b","status":"blocked","reason":"a\u0007"}`, "control characters"},
		{"POST", status, `{"device":"a/b","status":"approved","reason":"` + strings.Repeat("x", 501) + `"}`, "too long"},
		{"POST", status, `{"device":"ab","status":"approved"}`, "no device key"},
		{"POST", status, `{"device":"a/b","status":"allowed"}`, "is no device status"},
		{"POST", status, `{"device":"a/b","status":"approved","x":1}`, "not what is expected"},
		{"POST", status, `{"device":"a/b","device":"c/d","status":"approved"}`, "doubled"},
		{"POST", status, `{"device":"a/b","Device":"c/d","status":"approved"}`, "doubled"},
		{"POST", status, `{"device":"a/b","status":"approved"}{}`, "follows"},
		{"POST", status, `{"device":"a/b","status":"approved"`, "malformed"},
		{"POST", status, `[]`, "no JSON object"},
		{"POST", status, ``, "no JSON object"},
		{"POST", status, `{"device":"` + strings.Repeat("x", 70_000) + `"}`, "too long"},
		{"POST", "/api/v1/devices/key/retire", `{"device":"a/b"}`, "id is missing"},
		{"POST", "/api/v1/decisions", `{"scope":"","action":"deny","reason":"x"}`, "names nobody"},
		{"POST", "/api/v1/decisions", `{"scope":"ip:192.0.2.1","action":"deny","reason":"x","for":"-1h"}`, "positive duration"},
		{"POST", "/api/v1/decisions", `{"scope":"ip:192.0.2.1","action":"pass","reason":"x"}`, "no action for a decision"},
		{"POST", "/api/v1/decisions/lift", `{"id":"7K29Q-XM4TC"}`, "reason is missing"},
		{"POST", "/api/v1/decisions/import", `{"action":"deny","reason":"x","entries":[]}`, "1 to 50,000"},
		{"POST", "/api/v1/decisions/import", `{"action":"deny","reason":"x","entries":[` + strings.Repeat(`{},`, api.MaxImport) + `{}]}`, "1 to 50,000"},
		{"POST", "/api/v1/decisions/import", `{"action":"deny","entries":[{"scope":"ip:192.0.2.1","peer":"x"}]}`, "reason is missing"},
		{"POST", "/api/v1/decisions/import", `{"action":"deny","reason":"x","entries":[{"scope":"ip:192.0.2.1","peer":"x y"}]}`, "no name of a peer"},
		{"POST", "/api/v1/decisions/import", `{"action":"deny","reason":"x","entries":[{"scope":"ip:192.0.2.1","peer":"x"},{"scope":"ip:192.0.2.1","peer":""}]}`, "no name of a peer"},
		{"POST", "/api/v1/decisions/import", `{"action":"deny","reason":"x","entries":[{"scope":"ip:192.0.2.1","peer":"x","for":"-1s"}]}`, "positive duration"},
		{"POST", "/api/v1/decisions/import", `{"action":"pass","reason":"x","entries":[{"scope":"ip:192.0.2.1","peer":"x"}]}`, "no action for a decision"},
		{"POST", "/api/v1/decisions/withdraw", `{"peer":"x","reason":"x"}`, "and not both"},
		{"POST", "/api/v1/decisions/withdraw", `{"peer":"x","reason":"x","all":true,"scope":"ip:192.0.2.1"}`, "and not both"},
		{"POST", "/api/v1/decisions/withdraw", `{"peer":"-","reason":"x","all":true}`, "no name of a peer"},
		{"POST", "/api/v1/backup", `{"path":"here.db"}`, "not absolute"},
		{"POST", "/api/v1/devices/add", `{"service":"bots","device":"x"}`, "no device key"},
		{"POST", "/api/v1/audit/undo", `{"entry":-1}`, "not what is expected"},
		{"GET", "/api/v1/replay", "", "no time"},
		{"POST", "/api/v1/reload", `{"x":1}`, "not what is expected"},
	} {
		w := r.do(c.method, c.path, c.body)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), c.says) || !strings.Contains(w.Body.String(), `"kind":"invalid"`) {
			t.Errorf("%s %.60s %.60s: %d %s", c.method, c.path, c.body, w.Code, w.Body)
		}
	}
	if w := r.do("POST", status, `{}`, "Content-Type", "text/plain"); w.Code != http.StatusBadRequest {
		t.Errorf("a body that is no JSON: %d", w.Code)
	}
	if r.control.called != "" {
		t.Errorf("bad input led to %q", r.control.called)
	}
}

func TestErrorsByKind(t *testing.T) {
	r := newRig(t)
	for kind, status := range map[haechi.ErrorKind]int{haechi.Invalid: 400, haechi.NotFound: 404, haechi.Conflict: 409, haechi.Denied: 403,
		haechi.Exhausted: 429, haechi.Unavailable: 503, haechi.Internal: 500} {
		r.control.fail = &haechi.Error{Kind: kind, Op: "ask", Msg: "said so", Hint: "do this"}
		if w := r.do("GET", "/api/v1/status", ""); w.Code != status {
			t.Errorf("%v answers %d, want %d", kind, w.Code, status)
		}
		_, err := r.client.Status(t.Context())
		var e *haechi.Error
		if !errors.As(err, &e) || e.Kind != kind || (kind != haechi.Internal && e.Hint != "do this") {
			t.Errorf("%v comes back as %v", kind, err)
		}
	}
	r.control.fail = errors.New("dial /run/secret.sock: password=hunter2")
	if w := r.do("GET", "/api/v1/status", ""); w.Code != 500 || strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("an internal text leaves: %s", w.Body)
	}
	if !strings.Contains(r.log.String(), "secret.sock") {
		t.Error("an internal error is not logged")
	}
}

func TestNobody(t *testing.T) {
	r := newRig(t)
	for _, c := range [][2]string{{"GET", "overview"}, {"GET", "events/follow"}, {"POST", "reload"}, {"GET", "no-such-page"}} {
		if w := r.do(c[0], api.Prefix+c[1], "{}", "X-Nobody", "1"); w.Code != http.StatusUnauthorized {
			t.Errorf("%v without an operator: %d", c, w.Code)
		}
	}
	if r.control.called != "" {
		t.Errorf("nobody did %q", r.control.called)
	}
	if w := r.do("GET", "/api/v1/no-such-page", ""); w.Code != http.StatusNotFound {
		t.Errorf("an unknown path: %d", w.Code)
	}
	if w := r.do("GET", "/api/v1/reload", ""); w.Code == http.StatusOK || r.control.called != "" {
		t.Error("a GET reloads")
	}
}

func TestFollow(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range 3 {
		r.control.stream <- haechi.Event{Time: at, Kind: haechi.KindMessage, Session: uint64(i), Room: "a\nb"}
	}
	n := uint64(0)
	for e, err := range r.client.Follow(ctx, haechi.EventFilter{Service: "bots"}) {
		if err != nil || e.Session != n || e.Room != "a\nb" {
			t.Fatalf("event %d: %+v, %v", n, e, err)
		}
		if n++; n == 3 {
			break
		}
	}
	if n != 3 || r.control.event.Service != "bots" {
		t.Errorf("%d events, filter %+v", n, r.control.event)
	}
	r.control.fail = &haechi.Error{Kind: haechi.Exhausted, Op: "follow", Msg: "full"}
	for _, err := range r.client.Follow(ctx, haechi.EventFilter{}) {
		if haechi.KindOf(err) != haechi.Exhausted {
			t.Errorf("a refused stream: %v", err)
		}
	}
}

func TestFollowEndsWithTheSource(t *testing.T) {
	r := newRig(t)
	close(r.control.stream)
	for e, err := range r.client.Follow(t.Context(), haechi.EventFilter{}) {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestGatewayDown(t *testing.T) {
	c := api.NewClient(&http.Client{Transport: broken{}}, "http://local")
	if _, err := c.Status(t.Context()); haechi.KindOf(err) != haechi.Unavailable {
		t.Errorf("no gateway: %v", err)
	}
}

type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }
