package parking_test

import (
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"haechi/internal/brick/parking"
)

// readAll reads as an owner of TakeReader has to, and parks; over says that the end came.
func readAll(t *testing.T, l *parking.Lot, p parking.Place, fd int, why parking.Events) (n int, over bool) {
	t.Helper()
	buf := make([]byte, 16)
	for {
		m, err := parking.Read(fd, buf)
		n += m
		switch {
		case errors.Is(err, io.EOF):
			return n, true
		case errors.Is(err, parking.ErrWait), err == nil && m < len(buf) && why&parking.HungUp == 0:
			if err := l.Park(p, parking.Readable, time.Time{}); err != nil {
				t.Fatal(err)
			}
			return n, false
		case err != nil:
			t.Fatal(err)
		}
	}
}

func TestReaderLosesNothing(t *testing.T) {
	for name, early := range map[string]bool{"parked when it comes": false, "not parked yet": true} {
		t.Run(name, func(t *testing.T) {
			l, o := newLot(t, parking.Config{}), make(owner, 8)
			fd, peer := pair(t)
			if early { // one event tells of the bytes and of the end
				_, _ = peer.Write([]byte("ten bytes."))
				_ = peer.CloseWrite()
			}
			p, err := l.TakeReader(fd, o)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				l.Leave(p)
				_ = syscall.Close(fd)
			}()
			if err := l.Park(p, parking.Readable, time.Time{}); err != nil {
				t.Fatal(err)
			}
			if !early {
				_, _ = peer.Write([]byte("ten bytes."))
				_ = peer.CloseWrite()
			}
			got, over := 0, false
			for !over {
				var n int
				n, over = readAll(t, l, p, fd, o.next(t))
				got += n
			}
			if got != 10 {
				t.Errorf("read %d bytes", got)
			}
		})
	}
}

// Bytes that come while the owner is at work wake it once it parks, without the kernel
// being asked again.
func TestReaderIsWokenAgain(t *testing.T) {
	l, o := newLot(t, parking.Config{}), make(owner, 8)
	fd, peer := pair(t)
	p, err := l.TakeReader(fd, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		l.Leave(p)
		_ = syscall.Close(fd)
	}()
	if err := l.Park(p, parking.Readable, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		_, _ = peer.Write([]byte("a"))
		o.next(t)
		buf := make([]byte, 16)
		if n, _ := parking.Read(fd, buf); n != 1 {
			t.Fatalf("read %d", n)
		}
		_, _ = peer.Write([]byte("b"))
		o.silent(t)
		if err := l.Park(p, parking.Readable, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if n, over := readAll(t, l, p, fd, o.next(t)); n != 1 || over {
			t.Fatalf("read %d, %t", n, over)
		}
	}
}
