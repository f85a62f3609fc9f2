package scenario_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/client"
	"haechi/internal/brick/framesign"
	"haechi/internal/operate/demo"
)

const (
	portSensors        = 1500
	portSensorUpstream = 1600
)

// sensorSide is the server behind a signed-lines service: it keeps every line, asks
// each device for a sign of life once, and answers each reading.
type sensorSide struct {
	t     *testing.T
	mu    sync.Mutex
	lines []string
	conns map[net.Conn]bool
	// say makes the answer to a reading; nil: {"event":"ok"}.
	say func(line string) string
}

func newSensorSide(t *testing.T, address string) *sensorSide {
	t.Helper()
	s := &sensorSide{t: t, conns: map[net.Conn]bool{}}
	l, err := net.Listen("tcp", address)
	must(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[c] = true
			s.mu.Unlock()
			wg.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); s.cut(); wg.Wait() })
	return s
}

func (s *sensorSide) serve(c net.Conn) {
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		c.Close()
	}()
	in := bufio.NewReader(c)
	for first := true; ; first = false {
		line, err := in.ReadString('\n')
		if err != nil {
			return // what was cut off within a line is none
		}
		line = strings.TrimSuffix(line, "\n")
		s.mu.Lock()
		s.lines = append(s.lines, line)
		say := s.say
		s.mu.Unlock()
		switch {
		case first:
			fmt.Fprintln(c, `{"event":"ping"}`)
		case !strings.Contains(line, `"event":"reading"`):
		case say == nil:
			fmt.Fprintln(c, `{"event":"ok"}`)
		default:
			fmt.Fprintln(c, say(line))
		}
	}
}

// cut ends every connection, as a server that restarts does.
func (s *sensorSide) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Close()
	}
}

// of are the lines of that device and event, in the order in which they came.
func (s *sensorSide) of(device, event string) (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lines {
		if strings.Contains(l, `"device":"`+device+`"`) && strings.Contains(l, `"event":"`+event+`"`) {
			out = append(out, l)
		}
	}
	return out
}

// sensors is a rig with a signed-lines service.
func sensors(t *testing.T) (*rig, *sensorSide) {
	t.Helper()
	r := newRig(t, settings{})
	side := newSensorSide(t, r.at(hostUpstream, portSensorUpstream))
	r.configure(settings{services: fmt.Sprintf("  sensors:\n    kind: device\n    profile: signed-lines\n    listen: [%q]\n    upstream: %s\n",
		r.at(1, portSensors), r.at(hostUpstream, portSensorUpstream))})
	r.start()
	return r, side
}

// sensor registers a device of the signed-lines service, approved and with a key.
func (r *rig) sensor(name string) haechi.Key {
	r.t.Helper()
	key := "line/" + name
	_, err := r.api.AddDevice(r.t.Context(), "sensors", key)
	must(r.t, err)
	k, err := r.api.NewDeviceKey(r.t.Context(), key)
	must(r.t, err)
	_, err = r.api.SetDeviceStatus(r.t.Context(), key, haechi.Approved, "")
	must(r.t, err)
	return haechi.Key{ID: k.ID, Secret: haechi.Secret(k.Secret), Salt: haechi.Secret(k.Salt)}
}

// device runs a client from the i-th address until the test ends.
func (r *rig) device(i int, cfg client.Config) *client.Client {
	r.t.Helper()
	cfg.Backoff = 100 * time.Millisecond
	cfg.Dial = func(ctx context.Context, _, address string) (net.Conn, error) {
		return dialFrom(ctx, r.addr(i), address)
	}
	c, err := client.New(cfg)
	must(r.t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(r.t.Context()))
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	r.t.Cleanup(func() {
		stop()
		must(r.t, <-done)
	})
	return c
}

// TestSignedLinesClient: devices of package client converse through the gateway, and come
// back when the server behind drops them. Nothing arrives twice or out of order; what was
// on its way when the server hung up may be lost, and nothing else.
func TestSignedLinesClient(t *testing.T) {
	t.Parallel()
	r, side := sensors(t)
	const fleet, readings = 4, 30
	var cs []*client.Client
	for i := range fleet {
		name := fmt.Sprintf("sensor-%d", i)
		cs = append(cs, r.device(20+i, client.Config{Servers: []string{r.at(1, portSensors)}, Protocol: client.SignedLines{Device: name, Key: r.sensor(name)}}))
	}
	say := func(from int) {
		for n := range readings {
			for _, c := range cs {
				must(t, c.Send("reading", map[string]any{"n": from + n, "방": "거실 🌡"}))
			}
		}
	}
	all := func(what string, holds func(s client.Stats) bool) {
		eventually(t, what, 30*time.Second, func() bool {
			return !slices.ContainsFunc(cs, func(c *client.Client) bool { return !holds(c.Stats()) })
		})
	}
	say(0)
	all("the first readings", func(s client.Stats) bool { return s.Received == readings })
	side.cut()
	all("the return of all", func(s client.Stats) bool { return s.Opened == 2 })
	say(readings)
	all("the second readings", func(s client.Stats) bool { return s.Received == 2*readings })
	for i := range cs {
		if n := len(side.numbers(fmt.Sprintf("sensor-%d", i))); n != 2*readings {
			t.Errorf("sensor-%d: %d of %d readings arrived", i, n, 2*readings)
		}
	}
	say(2 * readings)
	side.cut() // while they speak
	all("the third readings", func(s client.Stats) bool { return s.Sent == 3*readings })
	r.proc.Kill()
	r.restart()
	say(3 * readings)
	for i := range cs {
		eventually(t, "the last reading after the gateway was killed", 30*time.Second, func() bool {
			n := side.numbers(fmt.Sprintf("sensor-%d", i))
			return n[len(n)-1] == 4*readings-1
		})
	}
	for i, c := range cs {
		name := fmt.Sprintf("sensor-%d", i)
		if n := side.numbers(name); !slices.IsSorted(n) || len(slices.Compact(slices.Clone(n))) != len(n) {
			t.Errorf("%s: readings arrived as %v", name, n)
		}
		if s := c.Stats(); s.Refused > 0 || s.Unreadable > 0 || len(side.of(name, "pong")) < 2 || len(side.of(name, "proof")) > 0 {
			t.Errorf("%s: %+v; proofs that reached the server: %d", name, s, len(side.of(name, "proof")))
		}
	}
}

// numbers are those of the device's readings, in the order in which they arrived.
func (s *sensorSide) numbers(device string) (out []int) {
	for _, l := range s.of(device, "reading") {
		var f struct{ Body struct{ N int } }
		must(s.t, json.Unmarshal([]byte(l), &f))
		out = append(out, f.Body.N)
	}
	return out
}

// TestVerifiedDown: a server that has the device's key signs what it says, through the
// gateway, and the device hears nothing else.
func TestVerifiedDown(t *testing.T) {
	t.Parallel()
	r, side := sensors(t)
	key := r.sensor("sensor-1")
	mac, seq := framesign.NewMAC(key.Secret), uint64(0)
	reader, err := framesign.NewReader(framesign.SignedLines())
	must(t, err)
	side.say = func(string) string {
		seq++
		b := framesign.AppendLine(nil, &framesign.Line{KeyID: key.ID, Device: "sensor-1", Direction: framesign.Down, Seq: seq,
			Millis: time.Now().UnixMilli(), Event: "command", Body: []byte(`{"led":"on"}`)})
		f, fault := reader.Read(b)
		if fault == framesign.OK {
			fault = mac.Sign(&f.Text, b, f.At)
		}
		if fault != framesign.OK {
			t.Error(fault)
		}
		return string(b) + "\n" + strings.Replace(string(b), `"on"`, `"off"`, 1) + "\n" + `{"event":"command","body":{"led":"off"}}`
	}
	heard := make(chan client.Message, 10)
	c := r.device(20, client.Config{Servers: []string{r.at(1, portSensors)}, Handler: func(m client.Message) { heard <- m },
		Protocol: client.SignedLines{Device: "sensor-1", Key: key, Verify: true}})
	must(t, c.Send("reading", 1))
	m := <-heard
	if m.Event != "command" || string(m.Body) != `{"led":"on"}` || !m.Verified {
		t.Errorf("heard %+v", m)
	}
	eventually(t, "the forged ones", 10*time.Second, func() bool { return c.Stats().Unverified == 3 }) // and the unsigned ping
	if s := c.Stats(); s.Received != 1 {
		t.Errorf("%+v", s)
	}
}

// TestRevokedSensor: a device that is revoked is cut and told, and hears of its second
// approval within seconds.
func TestRevokedSensor(t *testing.T) {
	t.Parallel()
	r, _ := sensors(t)
	c := r.device(20, client.Config{Servers: []string{r.at(1, portSensors)}, Protocol: client.SignedLines{Device: "sensor-1", Key: r.sensor("sensor-1")}})
	eventually(t, "the sensor to be let in", 10*time.Second, func() bool { return c.Stats().Ready })
	r.ok("devices", "revoke", "line/sensor-1", "--reason", "lost")
	eventually(t, "the sensor to be refused", 10*time.Second, func() bool { s := c.Stats(); return !s.Ready && s.Last.Code == "UNAUTHORIZED" })
	ref := c.Stats().Last.Reference
	if out := r.ok("why", ref); !strings.Contains(out, "line/sensor-1") {
		t.Errorf("why %s: %s", ref, out)
	}
	r.ok("devices", "approve", "line/sensor-1")
	eventually(t, "the sensor to be let in again", 15*time.Second, func() bool { return c.Stats().Ready })
}

// TestEnrolledClients: devices that nobody registered come in with a code as their key,
// in both protocols, and bound.
func TestEnrolledClients(t *testing.T) {
	t.Parallel()
	r, side := sensors(t)
	code := asked[haechi.NewCode](r, "devices", "code", "new", "--service", "sensors")
	key, err := client.Code(code.Code)
	must(t, err)
	c := r.device(20, client.Config{Servers: []string{r.at(1, portSensors)}, Protocol: client.SignedLines{Device: "new-1", Key: key}})
	must(t, c.Send("reading", 1))
	eventually(t, "the reading of the new sensor", 15*time.Second, func() bool { return len(side.of("new-1", "reading")) == 1 })
	key, err = client.Code(r.code().Code)
	must(t, err)
	bot := r.device(21, client.Config{Servers: []string{r.botsAddr()}, Protocol: client.Messengerbot{Bot: "새봇", DeviceID: "77", Key: key, Bind: true}})
	eventually(t, "the new bot to be let in", 15*time.Second, func() bool { return bot.Stats().Ready })
}

// TestBoundBot: the Go client of the bot protocol, where the gateway wants every frame
// bound.
func TestBoundBot(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "device: { binding: require }"})
	id := r.enrol("LOA.i", "0123456789abcdef", demo.V333)
	key := haechi.Key{ID: "k1", Secret: id.Secret, Salt: id.Salt}
	heard := make(chan client.Message, 10)
	bound := client.Messengerbot{Bot: id.Bot, DeviceID: id.Serial, Key: key, Bind: true}
	c := r.device(20, client.Config{Servers: []string{r.botsAddr()}, Protocol: bound, Handler: func(m client.Message) { heard <- m }})
	must(t, c.SendMessage(client.Chat("개발", "미나", "!echo 해치")))
	for m := range heard {
		if m.Event == "messageResponse" {
			if string(m.Tail) != "7ZW07LmY" {
				t.Errorf("answered %+v", m)
			}
			break
		}
	}
	// Without the second signature the same phone is not let in.
	plain := bound
	plain.Bind = false
	unbound := r.device(21, client.Config{Servers: []string{r.botsAddr()}, Protocol: plain})
	eventually(t, "the unbound phone to be refused", 10*time.Second, func() bool { return unbound.Stats().Refused > 0 })
	if s := unbound.Stats(); s.Opened != 0 || s.Last.Code != "AUTH_FAILED" {
		t.Errorf("%+v", s)
	}
}

// printed is what a program prints, to be read while it runs.
type printed struct {
	mu sync.Mutex
	b  strings.Builder
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.b.String()
}

// TestPythonDevice runs the sample of 60 lines against the gateway.
func TestPythonDevice(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("python3 is not installed")
	}
	r, side := sensors(t)
	key := r.sensor("센서-1")
	python := func(secret string) (string, error) {
		file := filepath.Join(t.TempDir(), "secret")
		must(t, os.WriteFile(file, []byte(secret+"\n"), 0o600))
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		cmd := exec.CommandContext(ctx, path, "-B", filepath.Join("..", "..", "client", "python", "haechi_device.py"), r.at(1, portSensors), "센서-1", key.ID, file)
		in, err := cmd.StdinPipe()
		must(t, err)
		var out printed
		cmd.Stdout, cmd.Stderr = &out, &out
		go func() {
			defer in.Close()
			fmt.Fprintln(in, `{"온도":21.5}`)
			fmt.Fprintln(in, `{"온도":22}`)
			eventually(t, "the readings and an answer", 15*time.Second, func() bool {
				return ctx.Err() != nil || secret == "wrong" || len(side.of("센서-1", "reading")) == 2 && strings.Contains(out.String(), `"ok"`)
			})
		}()
		err = cmd.Run()
		return out.String(), err
	}
	out, err := python(string(key.Secret))
	got := side.of("센서-1", "reading")
	if err != nil || len(got) != 2 || !strings.Contains(got[1], `"body":{"온도":22}`) || !strings.Contains(out, `{"event":"ok"}`) {
		t.Errorf("%v: %s; the server read %q", err, out, got)
	}
	if len(side.of("센서-1", "pong")) != 1 {
		t.Error("the server's ping was not answered")
	}
	out, err = python("wrong")
	if err == nil || !strings.Contains(out, "did not ask for a proof") || !strings.Contains(out, "AUTH_FAILED") || len(side.of("센서-1", "reading")) != 2 {
		t.Errorf("with a wrong key: %v: %s", err, out)
	}
}
