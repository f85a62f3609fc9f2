package scenario_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"haechi"
)

// TestWebSocketLimits: a long message, and one WebSocket too many, are refused and
// explained; what keeps to the limits is answered, message for message.
func TestWebSocketLimits(t *testing.T) {
	t.Parallel()
	r := run(t, settings{shop: "limits: { bytes_in: 10MiB, upgraded: { connections: 2, message: 2KiB, messages: 1000/s, lifetime: 1h } }"})
	open := func() (*websocket.Conn, *http.Response, error) {
		ws, res, err := websocket.Dial(t.Context(), "ws://"+shopHost+"/live", &websocket.DialOptions{HTTPClient: r.visitor(t, 20).Client})
		if err == nil {
			t.Cleanup(func() { ws.CloseNow() })
		}
		return ws, res, err
	}
	first, _, err := open()
	must(t, err)
	_, _, err = open()
	must(t, err)
	if _, res, err := open(); err == nil || res == nil || res.StatusCode != http.StatusTooManyRequests || res.Header.Get("X-Haechi-Ref") == "" {
		t.Errorf("the third: %v, %v", res, err)
	}
	for range 50 {
		must(t, first.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat("안", 600))))
		if _, b, err := first.Read(t.Context()); err != nil || len(b) != 1800 {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
	}
	must(t, first.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat("안", 700))))
	if _, _, err := first.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("a long message: %v", err)
	}
	for _, rule := range []string{"http/upgrades", "http/message-size"} {
		eventually(t, rule+" to be explained", 10*time.Second, func() bool {
			var x haechi.Explanation
			return slices.ContainsFunc(askedOr(r, &x, "why", r.addr(20).String()).Refusals, func(e haechi.Event) bool { return e.Rule == rule && e.Ref != "" })
		})
	}
}
