package main

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// taking is a connection to the upstream that takes bodies: a request is answered when
// it is whole.
type taking struct {
	head []byte
	rest int // of the body, in bytes
}

// serveTaking is the upstream of loads with bodies.
func serveTaking(args []string) error {
	alone()
	if len(args) != 1 {
		return fmt.Errorf("usage: compare taking ADDRESS")
	}
	r, err := takeBodies(args[0])
	for err == nil {
		err = r.poll(time.Second)
	}
	return err
}

// takeBodies listens, and answers once it is polled.
func takeBodies(address string) (*reactor, error) {
	r, err := newReactor()
	if err != nil {
		return nil, err
	}
	one := answer()
	return r, r.serve(address, func(c *conn) {
		t := &taking{}
		c.input = func(p []byte) error {
			n, err := t.take(p)
			for ; n > 0; n-- {
				c.write(one)
			}
			return err
		}
	})
}

// take reads on and counts the requests that are whole now.
func (t *taking) take(p []byte) (n int, err error) {
	for len(p) > 0 {
		if t.rest > 0 {
			gone := min(t.rest, len(p))
			p = p[gone:]
			if t.rest -= gone; t.rest == 0 {
				n++
			}
			continue
		}
		seen := len(t.head)
		t.head = append(t.head, p...)
		end := bytes.Index(t.head, []byte("\r\n\r\n"))
		if end < 0 {
			return n, nil
		}
		p = p[end+4-seen:]
		if t.rest, err = lengthOf(t.head[:end]); err != nil {
			return n, err
		}
		t.head = t.head[:0]
		if t.rest == 0 {
			n++
		}
	}
	return n, nil
}

// lengthOf is the announced length of a body; no peer sends chunks.
func lengthOf(head []byte) (int, error) {
	if field(head, "transfer-encoding") != nil {
		return 0, fmt.Errorf("a body in chunks")
	}
	text := field(head, "content-length")
	if text == nil {
		return 0, nil
	}
	return strconv.Atoi(string(text))
}
