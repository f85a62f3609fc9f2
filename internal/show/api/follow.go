package api

import (
	"encoding/json"
	"net/http"
	"time"

	"haechi"
)

// beat is how often an idle stream writes an empty line, so that a peer that is
// gone is noticed.
const beat = 15 * time.Second

// follow streams events, one JSON object a line, until the peer goes away.
func (h *handler) follow(w http.ResponseWriter, r *http.Request) {
	if _, ok := h.Operator(r); !ok {
		h.refuse(w, r)
		return
	}
	f, err := eventFilter(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	select {
	case h.followers <- struct{}{}:
		defer func() { <-h.followers }()
	default:
		h.fail(w, r, &haechi.Error{Kind: haechi.Exhausted, Op: "follow events", Msg: "too many streams are open",
			Hint: "close one of the other streams"})
		return
	}
	events, err := h.Watcher.Follow(r.Context(), f)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	stream(w, r, events)
}

func stream(w http.ResponseWriter, r *http.Request, events <-chan haechi.Event) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // a server's read timeout is for requests, not for streams
	enc := json.NewEncoder(w)
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for ok := out.Flush() == nil; ok; {
		_ = out.SetWriteDeadline(time.Now().Add(2 * beat)) // unsupported by recorders: no deadline then
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
			_, err := w.Write([]byte("\n"))
			ok = err == nil
		case e, more := <-events:
			if !more {
				return
			}
			ok = enc.Encode(&e) == nil
		}
		if len(events) == 0 {
			ok = ok && out.Flush() == nil
		}
	}
}
