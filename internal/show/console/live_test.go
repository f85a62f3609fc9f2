package console_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"haechi"
)

type message struct {
	Entries []map[string]any `json:"entries"`
}

// dial opens the live stream as a page of origin would.
func (r *rig) dial(origin, query string) (*websocket.Conn, *http.Response, error) {
	r.t.Helper()
	h := http.Header{"Origin": {origin}}
	if s := r.session(); s != "" {
		h.Set("Cookie", "__Host-haechi="+s)
	}
	client := *r.client
	client.Jar = nil
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	return websocket.Dial(ctx, "wss"+strings.TrimPrefix(r.URL, "https")+"/live"+query, &websocket.DialOptions{HTTPClient: &client, HTTPHeader: h})
}

func (r *rig) stream(query string) *websocket.Conn {
	r.t.Helper()
	conn, resp, err := r.dial(r.URL, query)
	if err != nil {
		r.t.Fatalf("%v %v", resp, err)
	}
	r.t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

func (r *rig) read(conn *websocket.Conn) message {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	_, b, err := conn.Read(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	var m message
	if err := json.Unmarshal(b, &m); err != nil {
		r.t.Fatal(err)
	}
	return m
}

func TestLiveNeedsSessionAndOrigin(t *testing.T) {
	r := newRig(t)
	if _, resp, err := r.dial(r.URL, ""); err == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a session: %v, %v", resp, err)
	}
	r.enroll()
	for _, origin := range []string{"https://evil.example", "null", "", strings.Replace(r.URL, "https", "http", 1), r.URL + ".evil.example"} {
		if _, resp, err := r.dial(origin, ""); err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("origin %q: %v, %v", origin, resp, err)
		}
	}
	if _, resp, err := r.dial(r.URL, "?severity=worst"); err == nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a bad filter: %v, %v", resp, err)
	}
}

func TestLiveStreams(t *testing.T) {
	r := newRig(t)
	r.enroll()
	conn := r.stream("")
	past := r.read(conn).Entries
	if len(past) != len(r.control.events) || past[0]["at"].(string) > past[len(past)-1]["at"].(string) {
		t.Fatalf("the backlog has %d entries, or the wrong order", len(past))
	}
	e := haechi.Event{Time: time.Now(), Kind: haechi.KindAuth, Outcome: haechi.Failure, Severity: haechi.Critical, Service: "bots",
		Reason: haechi.ReasonReplay, Verdict: haechi.Deny, Ref: "7K29Q-XM4TC", Text: "a\nb\u202e" + evil,
		Actor: haechi.Actor{Addr: netip.MustParseAddr("203.0.113.9"), Device: evil + "/1"}}
	r.control.follow <- e
	got := r.read(conn).Entries
	if len(got) != 1 {
		t.Fatalf("%d entries", len(got))
	}
	for key, v := range got[0] {
		switch v := v.(type) {
		case string, bool, float64:
		default:
			t.Errorf("%s is %T: an entry is flat data", key, v)
		}
	}
	if g := got[0]; g["severity"] != "critical" || g["failed"] != true || g["ref"] != "7K29Q-XM4TC" || g["who"] != evil+"/1 · 203.0.113.9" ||
		!strings.Contains(g["what"].(string), "deny · replayed signature") || strings.ContainsAny(g["what"].(string), "\n\u202e") {
		t.Errorf("entry %v", g)
	}
}

// TestLiveKeepsMarkupEncoded: even read as HTML, a message holds no tag.
func TestLiveKeepsMarkupEncoded(t *testing.T) {
	r := newRig(t)
	r.enroll()
	conn := r.stream("")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, b, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(string(b), "<>") {
		t.Error("a message holds markup")
	}
}

func TestLogoutEndsStream(t *testing.T) {
	r := newRig(t)
	r.enroll()
	conn := r.stream("")
	r.read(conn)
	want(t, r.post("/logout"), http.StatusSeeOther)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("the stream ends with %v", err)
	}
}

func TestCloseEndsStreams(t *testing.T) {
	r := newRig(t)
	r.enroll()
	conn := r.stream("?failures=true")
	r.read(conn)
	closed := make(chan struct{})
	go func() {
		r.console.Close()
		close(closed)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, _, err := conn.Read(ctx); err == nil {
		t.Error("the stream goes on")
	}
	<-closed
	if _, resp, err := r.dial(r.URL, ""); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a stream after the end: %v, %v", resp, err)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	r := newRig(t)
	r.enroll()
	for range 8 {
		r.read(r.stream(""))
	}
	if _, resp, err := r.dial(r.URL, ""); err == nil || resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the ninth stream of a session: %v, %v", resp, err)
	}
}
