package slowhttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Mode is one mode of slowhttptest.
type Mode struct {
	Name string // for people
	Path string // what is asked for
	args []string
}

// Modes are the four of them.
func Modes() []Mode {
	return []Mode{
		{"slow headers (slowloris)", "/small", []string{"-H", "-i", "1", "-x", "24", "-t", "GET"}},
		{"slow bodies (RUDY)", "/small", []string{"-B", "-i", "1", "-s", "8192", "-x", "10", "-t", "POST"}},
		{"slow reads", "/big", []string{"-X", "-n", "1", "-z", "32", "-w", "256", "-y", "512", "-k", "3"}},
		{"ranges", "/big", []string{"-R", "-t", "HEAD", "-a", "10", "-b", "1500"}},
	}
}

// Connections is how many each attack tries to hold.
const Connections = 100

// Target is a server that is attacked and visited.
type Target struct {
	Name string
	URL  string // without a path
	From string // the visitor's own address; slowhttptest comes from the default one
}

// Seen is what a visitor met with.
type Seen struct {
	Asked, Answered int
	times           []time.Duration // sorted; a failure counts as the time it took
}

// Patience is how long the visitor waits for a page.
const Patience = 2 * time.Second

// At is the time within which a share of the requests, 0 to 1, was over.
func (s *Seen) At(share float64) time.Duration {
	if len(s.times) == 0 {
		return 0
	}
	return s.times[min(int(share*float64(len(s.times))), len(s.times)-1)]
}

// Availability is the share of requests that were answered with 200 in time.
func (s *Seen) Availability() float64 { return float64(s.Answered) / float64(max(s.Asked, 1)) }

// Run attacks all targets at once for settle and length, and visits them in the second
// part of that.
func Run(ctx context.Context, m Mode, settle, length time.Duration, targets ...Target) ([]Seen, error) {
	seen, errs := make([]Seen, len(targets)), make([]error, len(targets))
	var all sync.WaitGroup
	for i, t := range targets {
		all.Go(func() { errs[i] = attack(ctx, m, t, settle+length) })
		all.Go(func() {
			if wait(ctx, settle) {
				seen[i] = visit(ctx, t, length)
			}
		})
	}
	all.Wait()
	return seen, errors.Join(errs...)
}

// Visit visits a target that nobody attacks.
func Visit(ctx context.Context, t Target, length time.Duration) Seen { return visit(ctx, t, length) }

func attack(ctx context.Context, m Mode, t Target, length time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, length+20*time.Second)
	defer cancel()
	args := append([]string{"-c", strconv.Itoa(Connections), "-r", "100", "-l", strconv.Itoa(int(length.Seconds() + 0.5)),
		"-p", "1", "-u", t.URL + m.Path}, m.args...)
	out, err := exec.CommandContext(ctx, "slowhttptest", args...).CombinedOutput()
	if !strings.Contains(string(out), "test status") {
		return fmt.Errorf("slowhttptest against %s: %w: %s", t.Name, err, out[:min(len(out), 500)])
	}
	return nil // its status tells of the server, not of itself
}

// visit asks for the small page twenty times a second, on a connection of its own each
// time, as new visitors do.
func visit(ctx context.Context, t Target, length time.Duration) (s Seen) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(t.From)}}
	tr := &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}
	c := &http.Client{Transport: tr, Timeout: Patience}
	var mu sync.Mutex
	var all sync.WaitGroup
	for end := time.Now().Add(length); time.Now().Before(end); {
		all.Go(func() {
			began := time.Now()
			ok := get(ctx, c, t.URL+"/small")
			mu.Lock()
			defer mu.Unlock()
			s.Asked++
			if ok {
				s.Answered++
			}
			s.times = append(s.times, time.Since(began))
		})
		if !wait(ctx, 50*time.Millisecond) {
			break
		}
	}
	all.Wait()
	slices.Sort(s.times)
	return s
}

func get(ctx context.Context, c *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	res, err := c.Do(req)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, res.Body)
	return errors.Join(err, res.Body.Close()) == nil && res.StatusCode == http.StatusOK
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
