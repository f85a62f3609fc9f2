package main

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// answer is what the upstream says to every request: 120 bytes of JSON.
const (
	answerBody = `{"id":"3456789012345678901","room":"lobby","status":"ok","items":[1,2,3,4,5,6,7,8],"note":"the same for every request"}` + "\n"
	answerHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
)

func answer() []byte { return fmt.Appendf(nil, answerHead, len(answerBody), answerBody) }

// alone makes a helper a program of one thread that seldom collects garbage.
func alone() {
	runtime.LockOSThread()
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(800)
}

// serveUpstream answers every GET request with the same text, until it is killed.
func serveUpstream(args []string) error {
	alone()
	if len(args) != 1 {
		return fmt.Errorf("usage: compare upstream ADDRESS")
	}
	r, err := newReactor()
	if err != nil {
		return err
	}
	const most = 64
	all := bytes.Repeat(answer(), most)
	one := len(all) / most
	err = r.serve(args[0], func(c *conn) {
		seen := 0 // of the four bytes that end a header
		c.input = func(p []byte) error {
			n := 0
			n, seen = headerEnds(p, seen)
			for ; n > 0; n -= min(n, most) {
				c.write(all[:min(n, most)*one])
			}
			return nil
		}
	})
	for err == nil {
		err = r.poll(time.Second)
	}
	return err
}

// headerEnds counts the empty lines in p, after seen bytes of one before it.
func headerEnds(p []byte, seen int) (n, left int) {
	const end = "\r\n\r\n"
	if seen == 0 && bytes.HasSuffix(p, []byte(end)) && bytes.Count(p, []byte(end)) == 1 {
		return 1, 0
	}
	for _, b := range p {
		switch {
		case b == end[seen]:
			seen++
		case b == '\r':
			seen = 1
		default:
			seen = 0
		}
		if seen == len(end) {
			n, seen = n+1, 0
		}
	}
	return n, seen
}
