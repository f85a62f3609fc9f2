package main

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// marker stands in the deviceInfo of a handshake, with the number of frames after
// which the sink answers with one line.
const marker = "every="

const (
	complete = `{"event":"handshakeComplete","data":{"success":true}}` + "\n"
	ack      = `{"event":"ack"}` + "\n"
)

// serveSink stands for the bot server: it completes handshakes, counts lines, and
// answers every so many of them, until it is killed.
func serveSink(args []string) error {
	alone()
	if len(args) != 1 {
		return fmt.Errorf("usage: compare sink ADDRESS")
	}
	r, err := newReactor()
	if err != nil {
		return err
	}
	err = r.serve(args[0], func(c *conn) { c.input = (&bot{conn: c}).input })
	for err == nil {
		err = r.poll(time.Second)
	}
	return err
}

// bot is one connection of the sink.
type bot struct {
	conn  *conn
	hello []byte
	every int // 0 before the handshake
	lines int
}

func (b *bot) input(p []byte) error {
	if b.every == 0 {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			b.hello = append(b.hello, p...)
			return nil
		}
		b.hello = append(b.hello, p[:end]...)
		if b.every = pace(b.hello); b.every == 0 {
			return fmt.Errorf("the first line is no handshake")
		}
		b.conn.write([]byte(complete))
		p = p[end+1:]
	}
	b.lines += bytes.Count(p, []byte{'\n'})
	for ; b.lines >= b.every; b.lines -= b.every {
		b.conn.write([]byte(ack))
	}
	return nil
}

// pace is the number behind the marker, 0 if there is none.
func pace(hello []byte) int {
	_, after, ok := bytes.Cut(hello, []byte(marker))
	if !ok {
		return 0
	}
	digits, _, _ := bytes.Cut(after, []byte{'"'})
	n, err := strconv.Atoi(string(digits))
	if err != nil || n < 1 {
		return 0
	}
	return n
}
