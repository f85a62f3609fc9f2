package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"haechi"
	"haechi/internal/operate/demo"
)

// TestMain lets the test binary be the program: scripts run `haechi` as a process of
// its own, through the real main.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"haechi": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			recordings, err := filepath.Abs("../../profiles/testdata")
			if err != nil {
				return err
			}
			e.Setenv("RECORDINGS", recordings)
			e.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector reports as it goes, and would hold up each end for a second
			e.Setenv("BAD", "\x1b[31mred\u202e")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ports": ports, "expand": expand, "upstreams": upstreams, "ready": ready, "eventually": eventually,
			"refused": refused, "until": until, "phone": phone, "capture": capture, "none": none, "some": some, "exits": exits,
		},
	})
}

// patience bounds every wait of a script, many times as long as what it waits for takes.
const patience = 2 * time.Minute

// poll tries until it works or patience ends.
func poll(ts *testscript.TestScript, what string, try func() bool) {
	end, tick := time.NewTimer(patience), time.NewTicker(50*time.Millisecond)
	defer end.Stop()
	defer tick.Stop()
	for !try() {
		select {
		case <-end.C:
			ts.Fatalf("%s: not within %v", what, patience)
		case <-tick.C:
		}
	}
}

// ports NAME... sets each variable to a loopback port that nobody uses.
func ports(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		defer l.Close() // all are held until all are chosen, so that they differ
		ts.Setenv(name, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
}

// expand FILE... replaces $VARIABLES in files of the script.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		ts.Check(os.WriteFile(path, []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
	}
}

// upstreams starts a sample bot server and a sample shop until the script ends, as
// $BOTSERVER and $SHOPSERVER.
func upstreams(ts *testscript.TestScript, _ bool, _ []string) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 2)
	bots, err := demo.Listen(ctx, "127.0.0.1:0")
	ts.Check(err)
	shop, err := demo.NewShop()
	ts.Check(err)
	web, err := demo.Listen(ctx, "127.0.0.1:0")
	ts.Check(err)
	server := &http.Server{Handler: shop, ReadHeaderTimeout: patience}
	go func() { done <- demo.NewBotServer(demo.BotConfig{}).Serve(ctx, bots) }()
	go func() { done <- server.Serve(web) }()
	ts.Setenv("BOTSERVER", bots.Addr().String())
	ts.Setenv("SHOPSERVER", web.Addr().String())
	ts.Defer(func() {
		stop()
		_ = server.Close()
		<-done
		<-done
	})
}

// ready FOLDER waits until a gateway answers on the socket in its state folder.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	socket := filepath.Join(ts.MkAbs(args[0]), "haechi.sock")
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}}
	poll(ts, "ready "+args[0], func() bool {
		resp, err := client.Get("http://haechi/api/v1/status")
		if err != nil {
			return false
		}
		return errors.Join(resp.Body.Close()) == nil && resp.StatusCode == http.StatusOK
	})
}

// eventually PATTERN PROGRAM ARGS... runs the program until its output matches.
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile(args[0])
	poll(ts, "eventually "+args[0], func() bool {
		err := ts.Exec(args[1], args[2:]...)
		return err == nil && pattern.MatchString(ts.ReadFile("stdout"))
	})
}

// refused ADDRESS URL sends requests from the address until one is refused, and
// sets $REF to its reference, to nothing if the connection was closed unanswered.
func refused(ts *testscript.TestScript, _ bool, args []string) {
	from := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(args[0]), 0))
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: (&net.Dialer{LocalAddr: from}).DialContext}}
	poll(ts, "refused "+args[1], func() bool {
		for range 20 {
			resp, err := client.Get(args[1])
			if err != nil {
				ts.Setenv("REF", "")
				return !errors.Is(err, syscall.ECONNREFUSED) // else nobody listens yet
			}
			if err := resp.Body.Close(); err != nil {
				return false
			}
			if ref := resp.Header.Get("X-Haechi-Ref"); ref != "" {
				ts.Setenv("REF", ref)
				return true
			}
		}
		return false
	})
}

// until FILE PATTERN [ADDRESS URL] waits until the file, which something else writes,
// matches, and meanwhile sends requests from the address.
func until(ts *testscript.TestScript, neg bool, args []string) {
	pattern := regexp.MustCompile(args[1])
	poll(ts, "until "+args[1], func() bool {
		if len(args) > 2 {
			refused(ts, neg, args[2:])
		}
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && pattern.Match(text)
	})
}

// phone ADDRESS SERVER BOT ID [SECRET SALT] connects a phone once and sets $REF to
// the reference with which it is refused.
func phone(ts *testscript.TestScript, _ bool, args []string) {
	id := demo.Identity{Bot: args[2], Serial: args[3], Secret: haechi.Secret("none"), Salt: haechi.Secret("none")}
	if len(args) > 4 {
		id.Secret, id.Salt = haechi.Secret(args[4]), haechi.Secret(args[5])
	}
	p, err := demo.NewPhone(demo.PhoneConfig{Identity: id, Servers: []string{args[1]}, Source: netip.MustParseAddr(args[0]), Backoff: 100 * time.Millisecond})
	ts.Check(err)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	poll(ts, "phone", func() bool { return p.Counts().Last.Ref != "" })
	ts.Setenv("REF", p.Counts().Last.Ref)
	stop()
	<-done
}

// capture NAME PATTERN sets a variable to the pattern's group in the last output.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("%s is not in the output", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// some GLOB waits for a file of that name.
func some(ts *testscript.TestScript, _ bool, args []string) {
	poll(ts, "some "+args[0], func() bool {
		found, err := filepath.Glob(ts.MkAbs(args[0]))
		return err == nil && len(found) > 0
	})
}

// none GLOB wants no file of that name.
func none(ts *testscript.TestScript, _ bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(found) > 0 {
		ts.Fatalf("still there: %v", found)
	}
}

// exits CODE PROGRAM ARGS... wants that exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err, code := ts.Exec(args[1], args[2:]...), 0
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		code = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}
