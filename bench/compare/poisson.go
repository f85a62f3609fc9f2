package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

// opened is what the open-loop load tells at the end; times are in microseconds.
type opened struct {
	carried
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	Late float64 `json:"late"` // behind its own clock, at the 99th percentile
}

// crossing sends requests at random times over kept connections, whatever became of
// those before. A request for which no connection is free waits, and its time runs.
type crossing struct {
	r       *reactor
	free    []*caller
	queue   []time.Time // due, and not sent
	request []byte
	took    []time.Duration
	late    []time.Duration
	err     error
}

// caller is one connection; at most one request is on it.
type caller struct {
	c    *crossing
	conn *conn
	due  time.Time
	got  []byte
}

// openLoop sends HTTP/1.1 requests whose gaps are those of a Poisson process.
func openLoop(args []string) error {
	alone()
	f := flag.NewFlagSet("open", flag.ContinueOnError)
	to, host := f.String("to", "", "address"), f.String("host", "localhost", "Host")
	n, rate := f.Int("n", webConns, "connections"), f.Float64("rate", 4000, "requests a second")
	length := f.Duration("for", 3*time.Second, "how long")
	if err := f.Parse(args); err != nil {
		return err
	}
	c := &crossing{request: fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", *host)}
	if err := c.connect(*to, *n); err != nil {
		return err
	}
	first()
	got, err := c.run(*rate, *length, rand.New(rand.NewPCG(4, 4)))
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(got)
}

// connect has one request answered on every connection, so that all of them are warm.
func (c *crossing) connect(to string, n int) (err error) {
	if c.r, err = newReactor(); err != nil {
		return err
	}
	for range n {
		p := &caller{c: c}
		if p.conn, err = c.r.dial(to); err != nil {
			return err
		}
		p.conn.input, p.conn.ended = p.input, p.ended
		p.send(time.Now())
	}
	err = c.drain(n)
	c.took, c.late = c.took[:0], c.late[:0]
	return err
}

// drain waits until all connections are free and nothing is queued.
func (c *crossing) drain(n int) error {
	for end := time.Now().Add(5 * time.Second); c.err == nil && (len(c.free) < n || len(c.queue) > 0); {
		if time.Now().After(end) {
			return fmt.Errorf("%d requests are not answered and %d not sent after five seconds", n-len(c.free), len(c.queue))
		}
		if err := c.r.poll(100 * time.Millisecond); err != nil {
			return err
		}
	}
	return c.err
}

func (c *crossing) run(rate float64, length time.Duration, dice *rand.Rand) (o opened, err error) {
	n := len(c.free)
	begun := time.Now()
	at, end := begun, begun.Add(length)
	for sent := 0; ; sent++ {
		if at = at.Add(time.Duration(dice.ExpFloat64() / rate * float64(time.Second))); at.After(end) {
			break
		}
		for wait := time.Until(at); wait > 0 && c.err == nil; wait = time.Until(at) {
			if err := c.r.pollFor(wait); err != nil {
				return o, err
			}
		}
		if c.err != nil {
			return o, c.err
		}
		c.late = append(c.late, time.Since(at))
		c.ask(at)
		if sent%8 == 7 { // also when there is no time to wait
			if err := c.r.pollFor(0); err != nil {
				return o, err
			}
		}
	}
	err = c.drain(n)
	o.Ops, o.Seconds = len(c.took), time.Since(begun).Seconds()
	o.P50, o.P99, o.Late = quantile(c.took, 0.5), quantile(c.took, 0.99), quantile(c.late, 0.99)
	return o, err
}

// ask sends one request on a free connection, or lets it wait for one.
func (c *crossing) ask(due time.Time) {
	last := len(c.free) - 1
	if last < 0 {
		c.queue = append(c.queue, due)
		return
	}
	p := c.free[last]
	c.free = c.free[:last]
	p.send(due)
}

func (p *caller) send(due time.Time) {
	p.due = due
	p.conn.write(p.c.request)
}

// input takes the upstream's answer, whole, and nothing else.
func (p *caller) input(in []byte) error {
	p.got = append(p.got, in...)
	head, body, ok := bytes.Cut(p.got, []byte("\r\n\r\n"))
	if !ok || len(body) < len(answerBody) {
		return nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) || string(body) != answerBody {
		return fmt.Errorf("the server says: %s", p.got)
	}
	p.got = p.got[:0]
	p.c.took = append(p.c.took, time.Since(p.due))
	p.c.free = append(p.c.free, p)
	if len(p.c.queue) > 0 {
		due := p.c.queue[0]
		p.c.queue = p.c.queue[1:]
		p.c.ask(due)
	}
	return nil
}

func (p *caller) ended(err error) {
	if p.c.err == nil {
		p.c.err = fmt.Errorf("a connection ended: %w", err)
	}
}
