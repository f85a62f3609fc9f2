package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/coder/websocket"

	"haechi"
)

const (
	backlog      = 100 // entries sent when a stream begins
	maxBatch     = 64  // entries in one message
	checkSession = 15 * time.Second
	writeWithin  = 5 * time.Second
	gather       = 100 * time.Millisecond // how long entries are gathered into one message
)

// entry is one line of the live stream, ready to show: plain text throughout,
// which the page puts into text nodes and nowhere else.
type entry struct {
	At       string `json:"at"`   // RFC 3339
	Time     string `json:"time"` // as the configured zone has it
	Severity string `json:"severity"`
	Label    string `json:"label"` // the severity's name
	Failed   bool   `json:"failed"`
	Kind     string `json:"kind"`
	Service  string `json:"service"`
	Who      string `json:"who"`
	What     string `json:"what"`
	Ref      string `json:"ref"`
	Count    uint64 `json:"count"`
}

type livePage struct {
	Entries    []entry
	Severities []haechi.Severity
	AtLeast    haechi.Severity
	Failures   bool
}

// live is the page, and on an upgrade its stream.
func (c *Console) live(w http.ResponseWriter, r *http.Request) {
	if upgrades(r) {
		c.stream(w, r)
		return
	}
	f, err := liveFilter(r)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	f.Limit = backlog
	events, err := c.deps.Watcher.Events(r.Context(), f)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	p := livePage{Entries: c.entries(r, events), AtLeast: f.AtLeast, Failures: f.Failures}
	for s := haechi.Info; s <= haechi.Critical; s++ {
		p.Severities = append(p.Severities, s)
	}
	c.render(w, r, http.StatusOK, "live", p)
}

// stream serves one live stream until the peer goes, the session ends or the
// console closes. The Origin was checked to be our own before anything is sent.
func (c *Console) stream(w http.ResponseWriter, r *http.Request) {
	if !ownOrigin(r) {
		c.foreign(w, r)
		return
	}
	f, err := liveFilter(r)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	ctx, leave, err := c.streams.enter(context.WithoutCancel(r.Context()), c.sessions.Token(r.Context()))
	if err != nil {
		c.problem(w, r, err)
		return
	}
	defer leave()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	conn.SetReadLimit(512)
	code, why := c.pump(conn.CloseRead(ctx), r, conn, f)
	_ = conn.Close(code, why) // it may be gone already
}

// liveFilter reads what the page lets one choose.
func liveFilter(r *http.Request) (f haechi.EventFilter, err error) {
	q := r.URL.Query()
	f.Failures = q.Get("failures") == "true"
	if text := q.Get("severity"); text != "" {
		err = f.AtLeast.UnmarshalText([]byte(text))
	}
	return f, err
}

// pump sends the backlog and then what happens. A peer that reads slowly loses
// the oldest entries in Follow's bounded channel; one that stops reading is left.
func (c *Console) pump(ctx context.Context, r *http.Request, conn *websocket.Conn, f haechi.EventFilter) (websocket.StatusCode, string) {
	over, valid := c.store.watch(c.sessions.Token(r.Context()))
	events, err := c.deps.Watcher.Follow(ctx, f)
	if err != nil {
		return websocket.StatusTryAgainLater, "no stream"
	}
	f.Limit = backlog
	past, err := c.deps.Watcher.Events(ctx, f)
	if err != nil {
		return websocket.StatusTryAgainLater, "no records"
	}
	slices.Reverse(past)
	if err := send(ctx, conn, c.entries(r, past)); err != nil {
		return websocket.StatusGoingAway, ""
	}
	check := time.NewTicker(checkSession)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return websocket.StatusGoingAway, ""
		case <-over:
			return websocket.StatusPolicyViolation, "logged out"
		case <-check.C:
			if !valid() || !c.stillOperator(ctx, r) {
				return websocket.StatusPolicyViolation, "session over"
			}
			err = send(ctx, conn, nil)
		case e, more := <-events:
			if !more {
				return websocket.StatusGoingAway, ""
			}
			err = send(ctx, conn, c.entries(r, collect(ctx, e, events)))
		}
		if err != nil {
			return websocket.StatusGoingAway, ""
		}
	}
}

// collect gathers what comes within a moment, so that a burst is few messages.
func collect(ctx context.Context, first haechi.Event, events <-chan haechi.Event) []haechi.Event {
	all := []haechi.Event{first}
	t := time.NewTimer(gather)
	defer t.Stop()
	for len(all) < maxBatch {
		select {
		case e, more := <-events:
			if !more {
				return all
			}
			all = append(all, e)
		case <-t.C:
			return all
		case <-ctx.Done():
			return all
		}
	}
	return all
}

// send writes one message. An empty one shows a broken connection early.
func send(ctx context.Context, conn *websocket.Conn, entries []entry) error {
	b, err := json.Marshal(struct {
		Entries []entry `json:"entries"`
	}{entries})
	if err != nil {
		return errors.Join(errors.New("encode entries"), err)
	}
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, b)
}

func (c *Console) entries(r *http.Request, events []haechi.Event) []entry {
	lang := c.lang(r)
	out := make([]entry, 0, len(events))
	for i := range events {
		out = append(out, c.entry(lang, &events[i]))
	}
	return out
}
