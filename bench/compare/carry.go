package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// block is what an exchange sends, and how a stream begins.
const block = 512

// carried is what the load tells at the end.
type carried struct {
	Ops     int     `json:"ops"` // exchanges, or MiB
	Seconds float64 `json:"seconds"`
}

// serveCarry stands for a server that speaks nothing known: it says what it is told,
// or, where the first byte is a d, throws away what follows the first block.
func serveCarry(args []string) error {
	alone()
	if len(args) != 1 {
		return fmt.Errorf("usage: compare carry ADDRESS")
	}
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			b := make([]byte, block)
			_, err := io.ReadFull(c, b)
			for err == nil {
				if _, err = c.Write(b); err != nil {
					return
				}
				if b[0] == 'd' {
					_, _ = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 256<<10))
					return
				}
				_, err = io.ReadFull(c, b)
			}
		}()
	}
}

// carryLoad connects so many times, has one exchange on each, says ready, and then does
// what the mode says: d sends in bulk, e exchanges, i is silent.
func carryLoad(args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("usage: compare carriers ADDRESS MODE N TIME")
	}
	n, err1 := strconv.Atoi(args[2])
	length, err2 := time.ParseDuration(args[3])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	conns := make([]net.Conn, n)
	first := make([]byte, block)
	first[0] = args[1][0]
	for i := range conns {
		c, err := net.Dial("tcp", args[0])
		if err != nil {
			return err
		}
		defer c.Close()
		if err := exchange(c, first); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		conns[i] = c
	}
	fmt.Println("ready")
	began := time.Now()
	ops := carry(conns, args[1], began.Add(length))
	took := time.Since(began)
	return json.NewEncoder(os.Stdout).Encode(carried{ops, took.Seconds()})
}

func exchange(c net.Conn, b []byte) error {
	if _, err := c.Write(b); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, len(b)))
	return err
}

func carry(conns []net.Conn, mode string, until time.Time) int {
	if mode == "i" {
		<-time.After(time.Until(until))
		return len(conns)
	}
	var total atomic.Int64
	var all sync.WaitGroup
	for _, c := range conns {
		_ = c.SetDeadline(until) // one that is gone ends at once
		all.Go(func() { total.Add(work(c, mode)) })
	}
	all.Wait()
	if mode == "d" {
		return int(total.Load() >> 20)
	}
	return int(total.Load())
}

// work is the load of one connection: bytes sent, or exchanges.
func work(c net.Conn, mode string) (n int64) {
	if mode == "d" {
		b := make([]byte, 256<<10)
		for {
			m, err := c.Write(b)
			if n += int64(m); err != nil {
				return n
			}
		}
	}
	b := make([]byte, block)
	b[0] = mode[0]
	for exchange(c, b) == nil {
		n++
	}
	return n
}
