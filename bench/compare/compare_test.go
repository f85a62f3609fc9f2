package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestHeaderEndsAreFoundAcrossReads(t *testing.T) {
	const two = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n"
	for cut := range len(two) {
		a, seen := headerEnds([]byte(two[:cut]), 0)
		b, left := headerEnds([]byte(two[cut:]), seen)
		if a+b != 2 || left != 0 {
			t.Errorf("cut at %d: %d and %d ends, %d left", cut, a, b, left)
		}
	}
	if n, _ := headerEnds([]byte("a\r\n\r\r\n\r\n"), 0); n != 1 {
		t.Errorf("%d ends after a doubled carriage return", n)
	}
}

// The answer is as long as it says, and about as long as the page says.
func TestAnswer(t *testing.T) {
	head, body, ok := bytes.Cut(answer(), []byte("\r\n\r\n"))
	if !ok || len(body) < 100 || len(body) > 140 || !bytes.HasSuffix(head, fmt.Appendf(nil, "Content-Length: %d", len(body))) {
		t.Errorf("%q with %d bytes", head, len(body))
	}
}

// A stamped mould is the frame that signing from scratch makes.
func TestMould(t *testing.T) {
	d := &enrolled{Bot: "LOA.i", Serial: "0123456789abcdef", Secret: "k", Salt: "s"}
	from := time.UnixMilli(1753412789123)
	m := newMould(d, from.UnixMilli())
	for i, s := range d.stamps(3, from) {
		m.put(m.text, &s)
		if want := d.message(from.UnixMilli() + int64(i)); !bytes.Equal(m.text, want) {
			t.Errorf("stamp %d:\n%s\nwant\n%s", i, m.text, want)
		}
	}
	if pace(d.hello(64)) != 64 || pace([]byte("{}")) != 0 || pace([]byte(marker+`x"`)) != 0 {
		t.Error("the sink does not find its pace")
	}
	end := bytes.LastIndexByte(m.text, '}') + 1
	if !json.Valid(m.text[:end]) || !json.Valid(d.hello(1)) || !json.Valid(d.pong(from)) {
		t.Error("a frame is no JSON")
	}
}

// The sink answers every so many lines, however they are cut.
func TestSinkAndPhonesAgree(t *testing.T) {
	address := ""
	if err := freeAddresses(&address); err != nil {
		t.Fatal(err)
	}
	r, err := newReactor()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.serve(address, func(c *conn) { c.input = (&bot{conn: c}).input }); err != nil {
		t.Fatal(err)
	}
	c, err := r.dial(address)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	c.input = func(p []byte) error { got.Write(p); return nil }
	hello := (&enrolled{Bot: "b", Serial: "1"}).hello(2)
	for _, part := range []string{string(hello[:9]), string(hello[9:]) + "a\nb", "\nc\nd\ne\n"} {
		c.write([]byte(part))
		for range 20 {
			if err := r.poll(5 * time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
	}
	if want := complete + ack + ack; got.String() != want {
		t.Errorf("the sink says %q, want %q", got.String(), want)
	}
}

func TestOnlyLoopbackIsDialled(t *testing.T) {
	for _, a := range []string{"192.0.2.1:80", "0.0.0.0:80", "[::1]:80", "localhost:80"} {
		if _, err := sockaddr(a); err == nil {
			t.Errorf("%s is taken", a)
		}
	}
}

func TestCountLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	text := strings.Repeat("x GET y\n", 200_000) + "other\nGET without an end"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := countLines(path, "GET"); n != 200_000 || err != nil {
		t.Errorf("%d lines with GET, %v", n, err)
	}
	if n, err := countLines(path, ""); n != 200_001 || err != nil {
		t.Errorf("%d lines, %v", n, err)
	}
}

func TestGates(t *testing.T) {
	for _, c := range []struct {
		got, want float64
		side      bound
		missed    bool
	}{{3, 3, atLeast, false}, {2.9, 3, atLeast, true}, {150, 150, atMost, false}, {151, 150, atMost, true}, {1, 150, atMost, false}, {math.NaN(), 1, atMost, true}} {
		p := &page{}
		p.gate("x", c.got, c.side, c.want)
		if p.missed != c.missed {
			t.Errorf("%+v: %s", c, p.gates.String())
		}
	}
}

// What a peer that is not there would have done is no gate; what the sensor did not do is
// one that is missed.
func TestSensorWithoutPeers(t *testing.T) {
	n := numbers{"BenchmarkPackets Mpps-flows": {6}, "BenchmarkLines klines/s-haechi": {1500},
		"BenchmarkStrangers MiB-heap": {120}, "BenchmarkStrangers MiB-cap": {192}, "BenchmarkStrangers honest-lost": {0}}
	p := &page{}
	tellSensor(p, n)
	if got := p.gates.String(); p.missed || strings.Count(got, "\n") != 2 {
		t.Error(got)
	}
	n["BenchmarkPackets Mpps-softflowd"], n["BenchmarkStrangers honest-lost"] = []float64{0.5}, []float64{3}
	p = &page{}
	tellSensor(p, n)
	if got := p.gates.String(); strings.Count(got, "\n") != 3 || strings.Count(got, "FAIL") != 1 {
		t.Error(got)
	}
}

func TestWrkOutput(t *testing.T) {
	const out = "Running 3s test\n  60350 requests in 3.07s, 13.1MB read\nRequests/sec: 19657\n"
	if m := errTotal.FindStringSubmatch(out); m == nil || m[1] != "60350" || m[2]+m[3] != "3.07s" {
		t.Errorf("%q", m)
	}
	if errSocket.MatchString(out) || !errSocket.MatchString(out+"  Non-2xx or 3xx responses: 3\n") ||
		!errSocket.MatchString(out+"  Socket errors: connect 0, read 1, write 0, timeout 0\n") {
		t.Error("errors are not told from a good run")
	}
}

func TestBenchmarkOutput(t *testing.T) {
	n := numbers{}
	const out = "goos: linux\nBenchmarkTable/windows=1 \t 10 \t 87.1 ns/op \t 16.0 B/key\nBenchmarkTable/windows=1 \t 10 \t 89.1 ns/op \t 16.0 B/key\nPASS\n"
	if err := n.read("limiter", []byte(out)); err != nil || n.median("BenchmarkTable/windows=1", "ns/op") != 88.1 {
		t.Errorf("%v %v", n, err)
	}
	if n.read("limiter", []byte("FAIL\n")) == nil {
		t.Error("a run without numbers is taken")
	}
}

func TestH2loadOutput(t *testing.T) {
	const out = "TLS Protocol: TLSv1.3\nApplication protocol: h2\n\nfinished in 2.00s, 15.00 req/s, 3.1MB/s\n" +
		"requests: 30 total, 94 started, 30 done, 30 succeeded, 0 failed, 0 errored, 0 timeout\n"
	if n, took, err := readH2([]byte(out)); n != 30 || took != 2*time.Second || err != nil {
		t.Errorf("%d in %v, %v", n, took, err)
	}
	for _, swap := range [][2]string{{"0 failed", "1 failed"}, {"0 timeout", "2 timeout"}, {"protocol: h2", "protocol: http/1.1"}, {"TLSv1.3", "TLSv1.2"}} {
		if _, _, err := readH2([]byte(strings.Replace(out, swap[0], swap[1], 1))); err == nil {
			t.Errorf("%q is taken", swap[1])
		}
	}
}
