package ingress_test

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"haechi/internal/ingress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errRefused = &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	errOther   = errors.New("timeout")
)

// toggle is an upstream that can be switched off.
type toggle struct {
	mu   sync.Mutex
	err  error
	left int // failures until it works again; 0: for good
}

func (s *toggle) set(err error) { s.fail(0, err) }

func (s *toggle) fail(n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.left = err, n
}

func (s *toggle) dial(context.Context) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return &sinkCloser{}, nil
	}
	err := s.err
	if s.left > 0 {
		if s.left--; s.left == 0 {
			s.err = nil
		}
	}
	return nil, err
}

type sinkCloser struct{ net.Conn }

func (*sinkCloser) Close() error { return nil }

func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &toggle{}
		told := make(chan bool, 16)
		h := ingress.NewHealth(ingress.HealthConfig{Dial: up.dial, SetOpen: func(open bool) { told <- open }})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- h.Run(ctx) }()
		expect := func(want bool, within time.Duration) {
			t.Helper()
			select {
			case got := <-told:
				if got != want || h.Healthy() != want {
					t.Errorf("told %t, healthy %t, want %t", got, h.Healthy(), want)
				}
			case <-time.After(within):
				t.Errorf("not told within %v", within)
			}
		}
		expect(true, time.Millisecond)
		up.set(errRefused)
		expect(false, 2*time.Second+time.Millisecond)
		up.set(nil)
		expect(true, 501*time.Millisecond)
		up.set(errOther) // not certain: asked twice
		h.Nudge()
		expect(false, 700*time.Millisecond)
		up.set(nil)
		expect(true, 501*time.Millisecond)
		up.fail(1, errOther) // one lost packet closes nothing
		h.Nudge()
		<-time.After(10 * time.Second)
		select {
		case got := <-told:
			t.Errorf("told %t after one failure", got)
		default:
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
