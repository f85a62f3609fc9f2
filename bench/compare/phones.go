package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// sent is what the phones tell at the end.
type sent struct {
	Frames  int     `json:"frames"` // that the sink has counted
	Seconds float64 `json:"seconds"`
	// Of paced frames, in microseconds: how long they took, and how late they were sent.
	P50  float64 `json:"p50,omitempty"`
	P99  float64 `json:"p99,omitempty"`
	Late float64 `json:"late,omitempty"`
}

// crowd are the phones of one run.
type crowd struct {
	r       *reactor
	phones  []*phone
	window  int
	ready   int
	frames  int
	waiting int // phones whose frames the sink has not answered yet
	sending bool
	err     error

	metronome *metronome // nil: each sends as soon as it is answered
}

// phone is one device on one connection. It sends a window of frames, waits for
// the sink's answer, and sends the next.
type phone struct {
	crowd  *crowd
	who    *enrolled
	conn   *conn
	line   []byte
	mould  mould
	stamps []stamp
	next   int
	batch  []byte
	open   bool
}

// sendFrames is the load on a device gate. It says "ready" once every device has
// proved itself, waits for a line, sends until the time or the frames are over, and
// holds the connections until its input ends.
func sendFrames(args []string) error {
	alone()
	f := flag.NewFlagSet("phones", flag.ContinueOnError)
	to, keys := f.String("to", "", "address"), f.String("keys", "", "file of enrolled devices")
	n, each := f.Int("n", 64, "devices"), f.Int("each", 15_000, "frames a device may send")
	window := f.Int("window", 1, "frames at a time")
	length := f.Duration("for", 3*time.Second, "how long")
	every := f.Duration("every", 0, "send at fixed times, so far apart")
	if err := f.Parse(args); err != nil {
		return err
	}
	c := &crowd{window: *window}
	if err := c.connect(*to, *keys, *n, *each); err != nil {
		return err
	}
	in := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	if _, err := in.ReadString('\n'); err != nil {
		return nil // only the idle connections were wanted
	}
	run := c.send
	if *every > 0 {
		run = func(length time.Duration) (sent, error) { return c.keepTime(*every, length) }
	}
	s, err := run(*length)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

func (c *crowd) connect(to, keys string, n, each int) (err error) {
	text, err := os.ReadFile(keys)
	if err != nil {
		return err
	}
	var all []enrolled
	if err := json.Unmarshal(text, &all); err != nil || len(all) < n {
		return fmt.Errorf("%d devices are enrolled, %d are needed (%v)", len(all), n, err)
	}
	if c.r, err = newReactor(); err != nil {
		return err
	}
	from := time.Now().Add(-time.Minute)
	for i := range n {
		p := &phone{crowd: c, who: &all[i], mould: newMould(&all[i], from.UnixMilli()), stamps: all[i].stamps(each, from)}
		p.batch = bytes.Repeat(p.mould.text, c.window)
		if p.conn, err = c.r.dial(to); err != nil {
			return err
		}
		p.conn.input, p.conn.ended = p.input, p.ended
		p.conn.write(p.who.hello(c.window))
		c.phones = append(c.phones, p)
		if err := c.until(time.Now().Add(10*time.Second), func() bool { return c.ready > i-64 }); err != nil {
			return err
		}
	}
	return c.until(time.Now().Add(15*time.Second), func() bool { return c.ready == n })
}

// until polls until done.
func (c *crowd) until(deadline time.Time, done func() bool) error {
	for !done() && c.err == nil {
		if time.Now().After(deadline) {
			return fmt.Errorf("after the time allowed %d of %d devices are ready and %d wait for an answer", c.ready, len(c.phones), c.waiting)
		}
		if err := c.r.poll(100 * time.Millisecond); err != nil {
			return err
		}
	}
	return c.err
}

// send keeps every phone busy for the time.
func (c *crowd) send(length time.Duration) (sent, error) {
	c.sending = true
	start := time.Now()
	for _, p := range c.phones {
		p.sendWindow()
	}
	deadline := start.Add(length)
	for time.Now().Before(deadline) && c.waiting > 0 && c.err == nil {
		if err := c.r.poll(time.Until(deadline) + time.Millisecond); err != nil {
			return sent{}, err
		}
	}
	c.sending = false
	err := c.until(time.Now().Add(5*time.Second), func() bool { return c.waiting == 0 })
	return sent{Frames: c.frames, Seconds: time.Since(start).Seconds()}, err
}

func (p *phone) sendWindow() {
	if p.next+p.crowd.window > len(p.stamps) {
		return
	}
	size := len(p.mould.text)
	for i := range p.crowd.window {
		p.mould.put(p.batch[i*size:], &p.stamps[p.next+i])
	}
	p.next += p.crowd.window
	p.crowd.waiting++
	p.conn.write(p.batch)
}

func (p *phone) input(in []byte) error {
	for {
		end := bytes.IndexByte(in, '\n')
		if end < 0 {
			p.line = append(p.line, in...)
			return nil
		}
		line := in[:end]
		if len(p.line) > 0 {
			p.line = append(p.line, line...)
			line = p.line
		}
		if err := p.hear(line); err != nil {
			return err
		}
		p.line, in = p.line[:0], in[end+1:]
	}
}

// hear takes one line from the server.
func (p *phone) hear(line []byte) error {
	switch {
	case string(line) == ack[:len(ack)-1]:
		p.crowd.waiting--
		p.crowd.frames += p.crowd.window
		if m := p.crowd.metronome; m != nil {
			m.answered(p)
		}
		if p.crowd.sending {
			p.sendWindow()
		}
	case bytes.HasPrefix(line, []byte(`{"event":"ping"`)):
		p.conn.write(p.who.pong(time.Now()))
	case bytes.HasPrefix(line, []byte(`{"event":"handshakeComplete"`)) && !p.open:
		p.open = true
		p.crowd.ready++
	default:
		return fmt.Errorf("the server says: %s", line)
	}
	return nil
}

func (p *phone) ended(err error) {
	if p.crowd.err == nil {
		p.crowd.err = fmt.Errorf("the connection of %s/%s ended: %w", p.who.Bot, p.who.Serial, err)
	}
}

func index(text []byte, part string) int { return bytes.Index(text, []byte(part)) }
