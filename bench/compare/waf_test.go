package main

import (
	"bytes"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"haechi/internal/inspect/waf"
)

// Every load gets the status that it must have from the plain Coraza proxy, over the
// upstream that takes bodies; the log has all of them.
func TestWafLoadsThroughThePlainProxy(t *testing.T) {
	up := taker(t)
	path := filepath.Join(t.TempDir(), "log")
	log, err := newLineLog(path)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := wafProxy(up, log)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	ops := 0
	for _, l := range wafLoads() {
		a := &asking{load: &l, to: server.Listener.Addr().String(), host: "localhost"}
		got, err := a.run(2, 50*time.Millisecond)
		if err != nil || got.Ops < 2 || got.P99 <= 0 {
			t.Errorf("%s: %+v, %v", l.name, got, err)
		}
		ops += got.Ops
	}
	server.Close()
	if err := log.close(); err != nil {
		t.Error(err)
	}
	if lines, err := countLines(path, " /"); err != nil || lines < ops {
		t.Errorf("%d lines for %d requests, %v", lines, ops, err)
	}
}

// taker is the upstream that takes bodies, until the test ends.
func taker(t *testing.T) (address string) {
	if err := freeAddresses(&address); err != nil {
		t.Fatal(err)
	}
	r, err := takeBodies(address)
	if err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	done := make(chan error, 1)
	go func() {
		var err error
		for err == nil && !stop.Load() {
			err = r.poll(10 * time.Millisecond)
		}
		done <- err
	}()
	t.Cleanup(func() {
		stop.Store(true)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return address
}

// A status that is not the load's ends it.
func TestWafLoadWantsItsStatus(t *testing.T) {
	attack := wafLoads()[4]
	a := &asking{load: &attack, to: taker(t), host: "localhost"}
	if _, err := a.run(1, time.Second); err == nil || !strings.Contains(err.Error(), "the server says 200 to attack") {
		t.Errorf("a 200 is taken for an attack: %v", err)
	}
}

// The upstream counts whole requests however they are cut, with empty lines in bodies.
func TestTaking(t *testing.T) {
	l := wafLoads()[3]
	var room []byte
	one := l.build(nil, "localhost", 7, &room)
	get := wafLoads()[0].build(nil, "localhost", 7, &room)
	all := bytes.Join([][]byte{get, one, get, get}, nil)
	for _, size := range []int{1, 7, 1000, len(all)} {
		var u taking
		n := 0
		for rest := all; len(rest) > 0; {
			cut := min(size, len(rest))
			m, err := u.take(rest[:cut])
			if err != nil {
				t.Fatal(err)
			}
			n, rest = n+m, rest[cut:]
		}
		if n != 4 {
			t.Errorf("%d requests in pieces of %d", n, size)
		}
	}
}

// ModSecurity gets the rules that the gateway has, line by line, but for empty lines.
func TestExtractedRules(t *testing.T) {
	dir := t.TempDir()
	if err := extractRules(dir); err != nil {
		t.Fatal(err)
	}
	files := waf.Ruleset{}.Files()
	names, err := fs.Glob(files, "@owasp_crs/*")
	if err != nil || len(names) < 40 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range names {
		want, err1 := fs.ReadFile(files, name)
		got, err2 := os.ReadFile(filepath.Join(dir, filepath.Base(name)))
		if err1 != nil || err2 != nil || !bytes.Equal(bytes.ReplaceAll(got, []byte("\n\n"), []byte("\n")), bytes.ReplaceAll(want, []byte("\n\n"), []byte("\n"))) {
			t.Errorf("%s differs, %v, %v", name, err1, err2)
		}
	}
}

func TestReadClearing(t *testing.T) {
	before := clearing{cleared: 2, rules: map[string]float64{"920420": 4}}
	c, err := readClearing(`# HELP haechi_bounds What
haechi_bounds{bound="waf_cleared",part="limits"} 12
haechi_bounds{bound="waf_escalated",part="limits"} 5
haechi_bounds{bound="waf_escalated/920420",part="limits"} 5
haechi_bounds{bound="other",part="limits"} 7
`)
	c = c.since(before)
	if err != nil || c.cleared != 10 || c.escalated != 5 || len(c.rules) != 1 || c.rules["920420"] != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	rep := &page{}
	tellClearing(rep, []wafSample{{clearing: c}})
	if text := rep.text.String(); !strings.Contains(text, "66.67 % of 15 without Coraza; asked for 920420 1 times.") {
		t.Error(text)
	}
}

// Where nothing was completed the table says so.
func TestTellWafNothing(t *testing.T) {
	rep := &page{}
	tellWaf(rep, &wafLoads()[1], map[string][]wafSample{wafModSecurity: {{sample: sample{rate: 70, cpu: time.Millisecond}}}})
	if text := rep.text.String(); !strings.Contains(text, "| haechi | none was answered in time |") || !strings.Contains(text, "| 70 | 1000.0 µs | – |") {
		t.Error(text)
	}
}
