package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"
)

// wafConns is how many clients ask an application firewall at once. Each waits for its
// answer, so that a time is that of a server which is fully used.
const wafConns = 16

// asking sends requests of one kind over kept connections, the next as soon as the one
// before is answered.
type asking struct {
	r      *reactor
	load   *wafLoad
	to     string
	host   string
	n      int // requests sent
	open   int // of them not answered
	until  time.Time
	took   []time.Duration
	room   []byte
	broken error
}

// asker is one connection, with one request on it.
type asker struct {
	a    *asking
	conn *conn
	sent time.Time
	out  []byte
	got  []byte
	busy bool
}

// askLoad is the helper "ask": a load for a time, and what came of it.
func askLoad(args []string) error {
	alone()
	f := flag.NewFlagSet("ask", flag.ContinueOnError)
	to, host, kind := f.String("to", "", "address"), f.String("host", "localhost", "Host"), f.String("load", "get", "kind of request")
	n, length, from := f.Int("n", wafConns, "connections"), f.Duration("for", 3*time.Second, "how long"), f.Int("from", 0, "number of the first request")
	if err := f.Parse(args); err != nil {
		return err
	}
	loads := wafLoads()
	i := slices.IndexFunc(loads, func(w wafLoad) bool { return w.name == *kind })
	if i < 0 {
		return fmt.Errorf("no load is called %q", *kind)
	}
	a := &asking{load: &loads[i], to: *to, host: *host, n: *from}
	got, err := a.run(*n, *length)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(got)
}

// run asks for the time given, and waits for what is under way then.
func (a *asking) run(conns int, length time.Duration) (o opened, err error) {
	if a.r, err = newReactor(); err != nil {
		return o, err
	}
	begun := time.Now()
	a.until = begun.Add(length)
	for range conns {
		p := &asker{a: a}
		if err := p.connect(); err != nil {
			return o, err
		}
		p.next()
	}
	for patience := a.until.Add(10 * time.Second); a.open > 0 && a.broken == nil; {
		if time.Now().After(patience) {
			return o, fmt.Errorf("%d requests are not answered ten seconds after the end", a.open)
		}
		if err := a.r.poll(100 * time.Millisecond); err != nil {
			return o, err
		}
	}
	o.Ops, o.Seconds = len(a.took), time.Since(begun).Seconds()
	if o.Ops > 0 {
		o.P50, o.P99 = quantile(a.took, 0.5), quantile(a.took, 0.99)
	}
	return o, a.broken
}

func (p *asker) connect() (err error) {
	if p.conn, err = p.a.r.dial(p.a.to); err != nil {
		return err
	}
	p.conn.input, p.conn.ended = p.input, p.ended
	return nil
}

// next sends a request, unless the time is over.
func (p *asker) next() {
	if p.sent = time.Now(); p.sent.After(p.a.until) {
		return
	}
	p.out = p.a.load.build(p.out[:0], p.a.host, p.a.n, &p.a.room)
	p.a.n++
	p.a.open++
	p.busy = true
	p.conn.write(p.out)
}

// input takes the answer, whole, with the status that it must have.
func (p *asker) input(in []byte) error {
	p.got = append(p.got, in...)
	whole, status, err := answered(p.got)
	if !whole || err != nil {
		return err
	}
	if status != p.a.load.status {
		return fmt.Errorf("the server says %d to %s, not %d: %s", status, p.a.load.name, p.a.load.status, p.got[:min(len(p.got), 300)])
	}
	p.a.took = append(p.a.took, time.Since(p.sent))
	last := closes(p.got)
	p.got, p.busy = p.got[:0], false
	p.a.open--
	if last {
		return io.EOF
	}
	p.next()
	return nil
}

// closes reports whether the server ends the connection after its answer.
func closes(got []byte) bool {
	head, _, _ := bytes.Cut(got, []byte("\r\n\r\n"))
	return bytes.EqualFold(field(head, "connection"), []byte("close"))
}

// ended is told that the connection is gone. A server may end one after its answer.
func (p *asker) ended(err error) {
	switch {
	case p.a.broken != nil:
	case !errors.Is(err, io.EOF) || p.busy && len(p.got) > 0:
		p.a.broken = fmt.Errorf("a connection ended: %w", err)
	case time.Now().Before(p.a.until), p.busy:
		p.again()
	}
}

// again goes on with another connection, also with a request that the server did not
// take any more on the last one.
func (p *asker) again() {
	if err := p.connect(); err != nil {
		p.a.broken = err
		return
	}
	if p.busy {
		p.conn.write(p.out)
		return
	}
	p.next()
}

// answered reports whether an HTTP/1.1 answer is whole, and its status.
func answered(got []byte) (whole bool, status int, err error) {
	head, body, ok := bytes.Cut(got, []byte("\r\n\r\n"))
	if !ok {
		return false, 0, nil
	}
	if len(head) < len("HTTP/1.1 200") {
		return false, 0, fmt.Errorf("no answer of HTTP: %q", head)
	}
	if status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return false, 0, err
	}
	if field(head, "transfer-encoding") != nil {
		return bytes.HasSuffix(body, []byte("0\r\n\r\n")), status, nil
	}
	length, err := strconv.Atoi(string(field(head, "content-length")))
	if err != nil {
		return false, 0, fmt.Errorf("an answer without a length: %q", head)
	}
	return len(body) >= length, status, nil
}

// field is the value of a header field; nil if it is not there.
func field(head []byte, name string) []byte {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		key, value, ok := bytes.Cut(line, []byte{':'})
		if ok && bytes.EqualFold(key, []byte(name)) {
			return bytes.TrimSpace(value)
		}
	}
	return nil
}
