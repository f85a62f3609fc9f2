package httpgate_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"haechi"
	"haechi/internal/brick/gcra"
	"haechi/internal/ingress/httpgate"
)

// sockets is a site with such bounds, before a WebSocket server that says what it is told.
func sockets(t *testing.T, u httpgate.Upgraded) *rig {
	t.Helper()
	return start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Upgraded: u}}}, talkBack())
}

func talkBack() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		c, err := websocket.Accept(w, q, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover, CompressionThreshold: 1})
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		for {
			kind, b, err := c.Read(q.Context())
			if err != nil || c.Write(q.Context(), kind, b) != nil {
				return
			}
		}
	})
}

// talk opens a WebSocket as browsers do.
func (r *rig) talk(from string, o websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
	r.t.Helper()
	o.HTTPClient, o.Host = r.client(from), "shop.test"
	o.HTTPClient.Timeout = 0
	c, res, err := websocket.Dial(r.t.Context(), "ws://"+r.addr+"/ws", &o)
	if err == nil {
		c.SetReadLimit(-1)
		r.t.Cleanup(func() { c.CloseNow() })
	}
	return c, res, err
}

// comesBack wants a message to come back.
func comesBack(t *testing.T, c *websocket.Conn, kind websocket.MessageType, text string) {
	t.Helper()
	if err := c.Write(t.Context(), kind, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if _, b, err := c.Read(t.Context()); err != nil || string(b) != text {
		t.Fatalf("%d of %d bytes came back, %v", len(b), len(text), err)
	}
}

// frame is a frame of a client, with a mask of zeros.
func frame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

const version13 = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// shake opens a WebSocket and takes the event of its request.
func shake(t *testing.T, r *rig, from, more string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, br := r.raw(from, upgrade+version13+more+"\r\n")
	res, err := http.ReadResponse(br, nil)
	if err != nil || res.StatusCode != 101 {
		t.Fatal(res, err)
	}
	if e := r.next(t); e.Status != 101 {
		t.Fatalf("event %+v", e)
	}
	return c, br
}

// goodbye wants the close frame with a code, and then the end.
func goodbye(t *testing.T, br *bufio.Reader, code uint16) {
	t.Helper()
	b := make([]byte, 4)
	if _, err := io.ReadFull(br, b); err != nil || b[0] != 0x88 || b[1] != 2 || binary.BigEndian.Uint16(b[2:]) != code {
		t.Fatalf("%x, %v; want a close frame with %d", b, err, code)
	}
	if n, err := io.Copy(io.Discard, br); n != 0 || err != nil {
		t.Errorf("%d bytes behind the close frame, %v", n, err)
	}
}

// closed wants the event of an end, and that its refusal is counted.
func (r *rig) closed(rule string, reason haechi.Reason, counter string) haechi.Event {
	r.t.Helper()
	e := r.next(r.t)
	if e.Kind != haechi.KindClose || e.Outcome != haechi.Failure || e.Rule != rule || e.Reason != reason || e.Ref == "" || e.Shadow {
		r.t.Errorf("event %+v, want %s", e, rule)
	}
	if n := r.counter(counter); n != 1 {
		r.t.Errorf("%s is %d", counter, n)
	}
	return e
}

func TestFramesThatBreakTheProtocolEndTheSocket(t *testing.T) {
	for name, sent := range map[string][]byte{
		"mask":     {0x81, 2, 'h', 'i'},
		"reserved": frame(0xc1, "hi"),
		"control":  frame(0x89, strings.Repeat("p", 126)),
		"sequence": frame(0x80, "hi"),
		"length":   {0x81, 0xfe, 0, 5, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := sockets(t, httpgate.Upgraded{})
			c, br := shake(t, r, "127.0.0.3", "")
			heard := make([]byte, 8)
			if _, err := c.Write(frame(0x81, "before")); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(br, heard); err != nil || string(heard) != "\x81\x06before" {
				t.Fatalf("%q, %v", heard, err)
			}
			for _, b := range sent { // one byte at a time; it may end at any of them
				if _, err := c.Write([]byte{b}); err != nil {
					break
				}
			}
			goodbye(t, br, 1002)
			r.closed("http/frame-"+name, haechi.ReasonMalformed, "http_frames_refused")
		})
	}
}

func TestLongMessagesEndTheSocket(t *testing.T) {
	part := strings.Repeat("m", 600)
	for name, sent := range map[string][]byte{
		"at once":  frame(0x82, part+part),
		"in parts": append(frame(0x01, part), frame(0x80, part)...),
	} {
		t.Run(name, func(t *testing.T) {
			r := sockets(t, httpgate.Upgraded{Message: 1000})
			c, br := shake(t, r, "127.0.0.3", "")
			if _, err := c.Write(sent); err != nil {
				t.Fatal(err)
			}
			goodbye(t, br, 1009)
			if e := r.closed(httpgate.RuleMessage, haechi.ReasonOversize, "http_messages_refused"); e.Observed != 1200 || e.Threshold != 1000 {
				t.Errorf("event %+v", e)
			}
		})
	}
}

// A client that goes on sending hears all the same why it ends.
func TestTheReasonIsHeardBehindALongMessage(t *testing.T) {
	r := sockets(t, httpgate.Upgraded{Message: 1000})
	c, _, err := r.talk("127.0.0.3", websocket.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = c.Write(t.Context(), websocket.MessageBinary, make([]byte, 500_000)) }() // it may not all be taken
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("read: %v", err)
	}
}

// What stays within the bounds passes: messages in parts, compressed ones, pings, long ones.
func TestWhatKeepsToTheBoundsPasses(t *testing.T) {
	u := httpgate.Upgraded{Message: 1 << 20, Messages: gcra.Rate{Events: 1000, Per: time.Second, Burst: 2000}, Pause: time.Second, Lifetime: time.Hour, Client: 3, All: 3}
	for name, o := range map[string]websocket.DialOptions{
		"plain":      {},
		"compressed": {CompressionMode: websocket.CompressionContextTakeover, CompressionThreshold: 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := sockets(t, u)
			c, _, err := r.talk("127.0.0.3", o)
			if err != nil {
				t.Fatal(err)
			}
			for range 100 {
				comesBack(t, c, websocket.MessageText, "안녕")
			}
			noise := make([]byte, 1<<20-1<<10) // compressed it does not become longer than that allows
			for i := range noise {
				noise[i] = byte(rand.Uint32())
			}
			comesBack(t, c, websocket.MessageBinary, string(noise))
			var both sync.WaitGroup
			both.Go(func() { _, _, _ = c.Read(t.Context()) }) // for the pongs; it ends with the connection
			for range 3 {
				if err := c.Ping(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			c.CloseNow()
			both.Wait()
			r.next(t)
			if e := r.next(t); e.Kind != haechi.KindClose || e.Outcome != haechi.Success || e.Rule != "" {
				t.Errorf("event %+v", e)
			}
		})
	}
}

func TestAMessageInManyPartsPasses(t *testing.T) {
	r := sockets(t, httpgate.Upgraded{Message: 1 << 20, Messages: gcra.Rate{Events: 3, Per: time.Hour}})
	c, br := shake(t, r, "127.0.0.3", "")
	part := strings.Repeat("p", 1<<10)
	b := frame(0x02, part)
	for range 998 {
		b = append(b, frame(0x00, part)...)
	}
	if _, err := c.Write(append(b, frame(0x80, part)...)); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 10)
	if _, err := io.ReadFull(br, head); err != nil || head[0] != 0x82 || binary.BigEndian.Uint64(head[2:]) != 1000<<10 {
		t.Errorf("%x, %v", head, err)
	}
}

func TestTooManyMessagesEndTheSocket(t *testing.T) {
	for name, one := range map[string][]byte{
		"messages":    frame(0x81, "x"),
		"pings":       frame(0x89, ""),
		"small parts": frame(0x00, ""),
	} {
		t.Run(name, func(t *testing.T) {
			r := sockets(t, httpgate.Upgraded{Messages: gcra.Rate{Events: 10, Per: time.Hour}, Pause: time.Second})
			c, br := shake(t, r, "127.0.0.3", "")
			b := frame(0x89, "first")
			if name == "small parts" {
				b = frame(0x01, "first")
			}
			for range 20 {
				b = append(b, one...)
			}
			if _, err := c.Write(b); err != nil {
				t.Fatal(err)
			}
			goodbye(t, br, 1008)
			if e := r.closed(httpgate.RuleMessages, haechi.ReasonRateLimit, "http_upgraded_rates_cut"); e.Threshold != 10 || e.Observed <= 10 || e.Window != time.Hour {
				t.Errorf("event %+v", e)
			}
		})
	}
}

// What is a little over the rate waits, and passes.
func TestMessagesOverTheRateWait(t *testing.T) {
	r := sockets(t, httpgate.Upgraded{Messages: gcra.Rate{Events: 100, Per: time.Second, Burst: 1}, Pause: 5 * time.Second})
	c, _, err := r.talk("127.0.0.3", websocket.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		comesBack(t, c, websocket.MessageText, "hi")
	}
	if n := r.counter("http_upgraded_rates_cut"); n != 0 {
		t.Errorf("%d cut", n)
	}
}

func TestASocketEndsWithItsLifetime(t *testing.T) {
	r := sockets(t, httpgate.Upgraded{Lifetime: 300 * time.Millisecond})
	c, _, err := r.talk("127.0.0.3", websocket.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("read: %v", err)
	}
	r.next(t)
	if e := r.closed(httpgate.RuleLifetime, haechi.ReasonTimeout, "http_lifetimes_ended"); e.Threshold != 0.3 || e.Observed < 0.3 {
		t.Errorf("event %+v", e)
	}
}

// refusedTalk wants that no WebSocket is opened.
func (r *rig) refusedTalk(from, rule string, status int, reason haechi.Reason) {
	r.t.Helper()
	_, res, err := r.talk(from, websocket.DialOptions{})
	if err == nil || res == nil || res.StatusCode != status || res.Header.Get(httpgate.RefHeader) == "" {
		r.t.Fatalf("%v, %v", res, err)
	}
	if e := r.next(r.t); e.Rule != rule || e.Reason != reason || string(e.Ref) != res.Header.Get(httpgate.RefHeader) {
		r.t.Errorf("event %+v", e)
	}
}

func TestPlacesOfSockets(t *testing.T) {
	r := sockets(t, httpgate.Upgraded{Client: 2, All: 3})
	var open []*websocket.Conn
	for _, from := range []string{"127.0.0.3", "127.0.0.3", "127.0.0.4"} {
		c, _, err := r.talk(from, websocket.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		r.next(t)
		if from == "127.0.0.3" && len(open) == 2 {
			r.refusedTalk("127.0.0.3", httpgate.RuleUpgrades, 429, haechi.ReasonConnectionLimit)
		}
	}
	r.refusedTalk("127.0.0.4", httpgate.RuleAllUpgrades, 503, haechi.ReasonOverload)
	if n := r.counter("http_upgrades_refused"); n != 2 {
		t.Errorf("%d refused", n)
	}
	if a := r.do("127.0.0.3", "GET", "shop.test/", nil); a.StatusCode == 429 {
		t.Error("a request that asks for no WebSocket is refused")
	}
	r.next(t)
	open[0].CloseNow()
	if e := r.next(t); e.Kind != haechi.KindClose { // its place is given back before that
		t.Errorf("event %+v", e)
	}
	if _, _, err := r.talk("127.0.0.3", websocket.DialOptions{}); err != nil {
		t.Errorf("a place that was given back: %v", err)
	}
}

// A handshake that the server refuses keeps no place.
func TestRefusedHandshakesKeepNoPlace(t *testing.T) {
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Upgraded: httpgate.Upgraded{Client: 1}}}}, echo())
	for range 3 {
		if _, res, err := r.talk("127.0.0.3", websocket.DialOptions{}); err == nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		r.next(t)
	}
}

func TestInShadowSocketsStay(t *testing.T) {
	for name, sent := range map[string][]byte{
		httpgate.RuleMessage:           frame(0x81, strings.Repeat("m", 20)),
		httpgate.RuleMessages:          append(append(frame(0x81, "m"), frame(0x81, "m")...), frame(0x81, "m")...),
		httpgate.RuleFrame + "-length": {0x81, 0xfe, 0, 5, 0, 0, 0, 0, 1, 2, 3, 4, 5},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Upgraded: httpgate.Upgraded{
				Mode: haechi.Shadow, Client: 1, Message: 10, Messages: gcra.Rate{Events: 2, Per: time.Hour}}}}}, ws())
			r.raw("127.0.0.3", upgrade+"\r\n") // more than the client may have
			r.next(t)
			c, br := r.raw("127.0.0.3", upgrade+version13+"\r\n")
			if res, err := http.ReadResponse(br, nil); err != nil || res.StatusCode != 101 {
				t.Fatal(res, err)
			}
			if e := r.next(t); !e.Shadow || e.Rule != httpgate.RuleUpgrades || e.Outcome != haechi.Success {
				t.Errorf("event %+v", e)
			}
			if _, err := c.Write(sent); err != nil {
				t.Fatal(err)
			}
			if b := make([]byte, len(sent)); true {
				if _, err := io.ReadFull(br, b); err != nil || string(b) != string(sent) {
					t.Errorf("%q, %v", b, err)
				}
			}
			c.Close()
			if e := r.next(t); e.Kind != haechi.KindClose || !e.Shadow || e.Rule != name || e.Ref == "" || e.Outcome != haechi.Success {
				t.Errorf("event %+v", e)
			}
		})
	}
}

// Where nothing is bounded, and for who is on the allow list, bytes pass unread.
func TestSocketsThatAreNotBounded(t *testing.T) {
	for name, u := range map[string]httpgate.Upgraded{"off": {Mode: haechi.Off, Message: 1, Client: 1}, "another version": {}} {
		t.Run(name, func(t *testing.T) {
			r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Upgraded: u}}}, ws())
			openSocket(t, r, "127.0.0.3", map[string]string{"off": version13}[name])
			openSocket(t, r, "127.0.0.3", "")
		})
	}
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Upgraded: httpgate.Upgraded{Message: 1}}}}, ws())
	openSocket(t, r, "127.0.0.8", "X-Forwarded-For: 203.0.113.200\r\n"+version13)
}

// Who does not say which version it speaks is held to messages all the same.
func TestAnotherVersionDoesNotEscape(t *testing.T) {
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Upgraded: httpgate.Upgraded{Message: 10}}}}, ws())
	c, br := r.raw("127.0.0.3", upgrade+"\r\n")
	if res, err := http.ReadResponse(br, nil); err != nil || res.StatusCode != 101 {
		t.Fatal(res, err)
	}
	r.next(t)
	if _, err := io.WriteString(c, "bytes without frames"); err != nil {
		t.Fatal(err)
	}
	goodbye(t, br, 1002)
	r.closed("http/frame-reserved", haechi.ReasonMalformed, "http_frames_refused")
}

// Streams of events are no WebSockets.
func TestEventStreamsAreNotBounded(t *testing.T) {
	more := make(chan struct{})
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Upgraded: httpgate.Upgraded{
		Client: 1, All: 1, Message: 1, Messages: gcra.Rate{Events: 1, Per: time.Hour}, Lifetime: time.Millisecond}}}}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 10 {
			io.WriteString(w, "data: x\n\n")
			http.NewResponseController(w).Flush()
			<-more
		}
	}))
	for range 2 {
		_, br := r.raw("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")
		res, err := http.ReadResponse(br, nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		defer func() {
			if b, err := io.ReadAll(res.Body); err != nil || strings.Count(string(b), "data") != 10 {
				t.Errorf("%q, %v", b, err)
			}
		}()
	}
	close(more)
}

// pacer charges bytes as it is told.
type pacer struct {
	mu   sync.Mutex
	in   int
	out  int
	deny int // bytes in, from which on it refuses
}

func (p *pacer) Pace(_ string, _ *haechi.Actor, out bool, size int, now time.Time) haechi.Verdict {
	p.mu.Lock()
	defer p.mu.Unlock()
	if out {
		p.out += size
		return haechi.Verdict{Action: haechi.Throttle, Delay: time.Millisecond}
	}
	if p.in += size; p.deny > 0 && p.in > p.deny {
		return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonRateLimit, Rule: "limit/bytes", Ref: "AAAAA-BBBBB", Delay: time.Minute}
	}
	return haechi.Verdict{}
}

func TestBytesOfSocketsArePaced(t *testing.T) {
	r := sockets(t, httpgate.Upgraded{Piece: 2048})
	r.pacer.deny = 40 << 10
	c, _, err := r.talk("127.0.0.3", websocket.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	comesBack(t, c, websocket.MessageBinary, strings.Repeat("x", 30<<10))
	r.next(t)
	if err := c.Write(t.Context(), websocket.MessageBinary, make([]byte, 30<<10)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("read: %v", err)
	}
	r.closed("limit/bytes", haechi.ReasonRateLimit, "http_upgraded_rates_cut")
	r.pacer.mu.Lock()
	defer r.pacer.mu.Unlock()
	if r.pacer.out != 30<<10 {
		t.Errorf("%d bytes out", r.pacer.out)
	}
}

// A reload forgets no connection that is open.
func TestPlacesOutliveAHandOver(t *testing.T) {
	r := sockets(t, httpgate.Upgraded{Client: 1})
	if _, _, err := r.talk("127.0.0.3", websocket.DialOptions{}); err != nil {
		t.Fatal(err)
	}
	next := sockets(t, httpgate.Upgraded{Client: 1})
	r.next(t)
	if !r.gate.HandOver(next.gate) {
		t.Fatal("it does not hand over")
	}
	if _, res, err := r.talk("127.0.0.3", websocket.DialOptions{}); err == nil || res == nil || res.StatusCode != 429 {
		t.Fatalf("%v, %v", res, err)
	}
	if e := next.next(t); e.Rule != httpgate.RuleUpgrades {
		t.Errorf("event %+v", e)
	}
}
