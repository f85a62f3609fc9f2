package devicegate_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/devicegate"
)

// The keys are invented; the first two signatures are the protocol page's.
const (
	testKey  = "example-shared-key-do-not-use"
	testSalt = "example-salt"
	bot      = "LOA.i"
	serial   = "0123456789abcdef"
	device   = bot + "/" + serial
)

var start = time.UnixMilli(1753412789123).UTC()

// world is the rest of the house as a gate sees it.
type world struct {
	mu       sync.Mutex
	devices  map[string]haechi.DeviceStatus
	full     bool
	seen     []string
	events   []haechi.Event
	proved   map[string]used
	judge    func(r *haechi.Request) haechi.Verdict
	inspects int
	prove    func(c *haechi.Claim) haechi.Reason // instead
	sign     func(text string) string            // where it covers a whole frame
	live     []bool                              // of the claims
	codes    []haechi.Key
	sizes    map[string]int // the devices' own bounds of a frame
	pins     map[string]string
	enrolled []haechi.Device
	refuses  error // of every enrolment
	news     *sync.Cond
}

type used struct {
	session uint64
	frames  map[string]bool
}

func newWorld() *world {
	w := &world{devices: map[string]haechi.DeviceStatus{device: haechi.Approved}, proved: map[string]used{}}
	w.news = sync.NewCond(&w.mu)
	return w
}

func (w *world) Lookup(key string) (haechi.Device, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.devices[key]
	return haechi.Device{Key: key, Status: s, MaxFrame: w.sizes[key]}, ok
}

func (w *world) Register(d haechi.Device, _ time.Time) (haechi.Device, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full {
		return d, &haechi.Error{Kind: haechi.Exhausted, Op: "register"}
	}
	w.devices[d.Key] = haechi.Pending
	return d, nil
}

func (w *world) Seen(key string, _ netip.Addr, version string, _ time.Time, ping bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, fmt.Sprintf("%s %s %t", key, version, ping))
}

func (w *world) Pin(key, id string, _ time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pins == nil {
		w.pins = map[string]string{}
	}
	if w.pins[key] == "" {
		w.pins[key] = id
	}
	return w.pins[key] == id
}

func (w *world) Enrolling(_, key string, _ netip.Addr, _ time.Time) []haechi.Key {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, known := w.devices[key]; known && s != haechi.Pending {
		return nil
	}
	return w.codes
}

func (w *world) Enrol(_ context.Context, code string, d haechi.Device) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refuses != nil {
		return w.refuses
	}
	d.By = code
	w.enrolled = append(w.enrolled, d)
	w.devices[d.Key] = haechi.Approved
	return nil
}

func (w *world) set(key string, s haechi.DeviceStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.devices[key] = s
}

// Prove is the rule of the protocol page, section 9, in its shortest form.
func (w *world) Prove(c *haechi.Claim, now time.Time) haechi.Proof {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.live = append(w.live, c.Live)
	if w.prove != nil {
		return haechi.Proof{Reason: w.prove(c)}
	}
	for _, p := range c.Parts[:c.N] {
		if !c.Scheme.Strings[0].Takes(p) {
			return haechi.Proof{Reason: haechi.ReasonMalformed}
		}
	}
	id := w.codeOf(c)
	if c.Keys != nil && id == "" || c.Keys == nil && (!w.signed(c) || c.Bound != nil && !w.signed(c.Bound)) {
		return haechi.Proof{Reason: haechi.ReasonHMACFailed}
	}
	var ms int64
	fmt.Sscan(string(c.Timestamp), &ms)
	if skew := time.UnixMilli(ms).Sub(now); skew.Abs() > 300*time.Second {
		return haechi.Proof{Reason: haechi.ReasonTimestamp, Observed: skew.Abs().Seconds(), Threshold: 300}
	}
	u, old := w.proved[string(c.Signature)]
	switch {
	case !old:
		w.proved[string(c.Signature)] = used{c.Session, map[string]bool{string(c.Frame): true}}
	case u.frames[string(c.Frame)]:
		return haechi.Proof{Duplicate: true}
	case u.session != c.Session || len(u.frames) > 3:
		return haechi.Proof{Reason: haechi.ReasonReplay}
	default:
		u.frames[string(c.Frame)] = true
	}
	return haechi.Proof{KeyID: id}
}

// signed looks at one signature.
func (w *world) signed(c *haechi.Claim) bool {
	var parts []string
	for _, p := range c.Parts[:c.N] {
		parts = append(parts, string(p))
	}
	want := sign(strings.Join(parts, "|"))
	if c.Scheme.Digest >= 0 {
		want = w.sign(strings.Join(parts, "\n"))
	}
	return hmac.Equal([]byte(want), c.Signature)
}

// codeOf is which of the offered keys signed.
func (w *world) codeOf(c *haechi.Claim) (id string) {
	var parts []string
	for _, p := range c.Parts[:c.N] {
		parts = append(parts, string(p))
	}
	for _, k := range c.Keys {
		if hmac.Equal([]byte(signWith(k.Secret, k.Salt, strings.Join(parts, "|"))), c.Signature) {
			id = k.ID
		}
	}
	return id
}

// macOf is the signature of a text without salt.
func macOf(text string) string {
	mac := hmac.New(sha256.New, []byte(testKey))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func (w *world) Inspect(r *haechi.Request, _ time.Time) haechi.Verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inspects++
	if w.judge == nil {
		return haechi.Verdict{}
	}
	return w.judge(r)
}

func (w *world) Emit(e *haechi.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, *e)
	w.news.Broadcast()
}

// await returns the events of a kind once there are n.
func (w *world) await(k haechi.Kind, n int) []haechi.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		if out := w.of(k); len(out) >= n {
			return out
		}
		w.news.Wait()
	}
}

// find returns the events of a kind.
func (w *world) find(k haechi.Kind) (out []haechi.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.of(k)
}

func (w *world) of(k haechi.Kind) (out []haechi.Event) {
	for _, e := range w.events {
		if e.Kind == k {
			out = append(out, e)
		}
	}
	return out
}

func sign(text string) string { return signWith([]byte(testKey), []byte(testSalt), text) }

func signWith(secret, salt []byte, text string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(text + "|" + string(salt)))
	return hex.EncodeToString(mac.Sum(nil))
}

// profile is a shipped profile, as a test of package app keeps it equal to its file.
func profile(t testing.TB, name string) *haechi.Profile {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "profiles", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	p := new(haechi.Profile)
	if err := json.Unmarshal(b, p); err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) gate(t testing.TB, cfg devicegate.Config, deps devicegate.Deps) *devicegate.Gate {
	t.Helper()
	cfg.Service = "bots"
	if cfg.Profile == nil {
		cfg.Profile = profile(t, "messengerbot")
	}
	deps.Registry, deps.Prover, deps.Enroller, deps.Inspector, deps.Sink = w, w, w, w, w
	g, err := devicegate.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// phone makes the frames of one device.
type phone struct {
	bot, id string
	at      time.Time
}

func (p *phone) tick() int64 {
	p.at = p.at.Add(time.Millisecond)
	return p.at.UnixMilli()
}

func newPhone() *phone { return &phone{bot: bot, id: serial, at: start} }

func (p *phone) auth(edit ...func(map[string]any)) map[string]any {
	ms := p.tick()
	a := map[string]any{"clientType": "MessengerBotR", "botName": p.bot, "deviceUUID": p.id, "deviceID": p.id,
		"macAddress": "02:00:00:00:00:00", "ipAddress": "192.168.0.15", "timestamp": ms, "version": "3.3.3"}
	a["signature"] = sign(fmt.Sprintf("MessengerBotR|%s|%s|02:00:00:00:00:00|192.168.0.15|%d", p.bot, p.id, ms))
	for _, f := range edit {
		f(a)
	}
	return a
}

func line(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b) + "\n"
}

func (p *phone) hello33() string {
	return line(map[string]any{"event": "handshake", "data": map[string]any{"clientType": "MessengerBotR",
		"botName": p.bot, "version": "3.3.3", "deviceID": p.id, "deviceIP": "192.168.0.15",
		"deviceInfo": "samsung SM-G991N (Android 13, API 33)", "message_positions": []int{0, 0}}})
}

func (p *phone) hello32() string {
	return line(map[string]any{"clientType": "MessengerBotR", "botName": p.bot, "version": "3.2.1", "deviceID": p.id,
		"deviceIP": "192.168.0.15", "deviceInfo": "phone", "protocolVersion": 3, "supportedMessageTypes": []string{"text"}})
}

func (p *phone) frame(event string, data map[string]any, edit ...func(map[string]any)) string {
	d := map[string]any{"bot_name": p.bot, "auth": p.auth(edit...)}
	for k, v := range data {
		d[k] = v
	}
	return line(map[string]any{"event": event, "data": d})
}

func (p *phone) pong(edit ...func(map[string]any)) string {
	return p.frame("pong", map[string]any{"server_timestamp": "2025-07-25 12:00:00.000"}, edit...)
}

func (p *phone) message(room, raw string, edit ...func(map[string]any)) string {
	return strings.TrimSuffix(p.frame("message", map[string]any{"room": room, "message_positions": []int{0, len(raw)}},
		edit...), "\n") + raw + "\n"
}

func (p *phone) analyze(room string) string {
	return strings.Replace(p.frame("analyze", map[string]any{"room": room, "text": "안녕"}), "bot_name", "botName", 1)
}

func actor(addr string) haechi.Actor {
	a := netip.MustParseAddr(addr)
	return haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, a.BitLen()), Assurance: haechi.Handshaken}
}

// driver runs a machine without any I/O and notes what it asks for.
type driver struct {
	g       *devicegate.Gate
	m       *devicegate.Machine
	w       *devicegate.Work
	sink    *world
	now     time.Time
	forward strings.Builder
	sent    strings.Builder
	ops     []string
	queries []bool // of the frames that were forwarded or noted
	dialErr error
	dialing func()
	done    bool
	rest    []byte
}

func drive(g *devicegate.Gate, w *world, session uint64) *driver {
	return &driver{g: g, m: g.Machine(actor("192.0.2.7"), session, start), w: g.NewWork(), sink: w, now: start}
}

// feed gives input; the clock moves on by itself only for pauses.
func (d *driver) feed(in string) *driver {
	d.rest = append(d.rest, in...)
	for !d.done {
		n, a := d.m.Step(d.w, d.rest, d.now)
		if a.Event != nil {
			d.sink.Emit(a.Event)
			if a.Event.Kind == haechi.KindMessage {
				d.queries = append(d.queries, a.Query)
			}
		}
		d.op(a)
		d.rest = d.rest[n:]
		if a.Op == devicegate.OpNone {
			break
		}
	}
	return d
}

func (d *driver) op(a devicegate.Action) {
	switch a.Op {
	case devicegate.OpForward:
		d.forward.Write(a.Bytes)
	case devicegate.OpSend:
		d.sent.Write(a.Bytes)
		d.ops = append(d.ops, fmt.Sprintf("send %t", a.Final))
	case devicegate.OpDial:
		d.ops = append(d.ops, "dial")
		if d.dialing != nil {
			d.dialing()
		}
		if code, dev, ok := d.m.Enrolment(); ok {
			err := d.sink.Enrol(context.Background(), code, dev)
			if d.m.Enrolled(err, d.now); err != nil {
				return
			}
		}
		d.m.Dialed(d.dialErr, d.now)
	case devicegate.OpPause:
		d.ops = append(d.ops, "pause "+a.Delay.String())
		d.now = d.now.Add(a.Delay)
	case devicegate.OpHold:
		d.ops = append(d.ops, "hold "+a.Delay.String())
	case devicegate.OpClose:
		d.ops = append(d.ops, "close")
		d.done = true
	}
}

func (d *driver) at(t time.Duration) *driver {
	d.now = start.Add(t)
	return d.feed("")
}

// stamp is the server_timestamp of the gate's own ping.
func (d *driver) stamp(t testing.TB) string {
	var f struct {
		Event string
		Data  map[string]string
	}
	first, _, _ := strings.Cut(d.sent.String(), "\n")
	if err := json.Unmarshal([]byte(first), &f); err != nil || f.Event != "ping" {
		t.Fatalf("no ping in %q (%v)", d.sent.String(), err)
	}
	return f.Data["server_timestamp"]
}
