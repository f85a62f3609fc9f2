package app

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"haechi/internal/operate/replay"
)

// intake is what the sources of flows have in common that are read from a socket, on one
// goroutine: detectors that a reload exchanges, and a socket that is tried again.
type intake struct {
	now    func() time.Time
	log    *slog.Logger
	runner *replay.Runner
	next   atomic.Pointer[screened] // of the next world
	due    time.Time                // for the next try of the socket
	fence  fence
}

// renew takes the detectors of a new world, if there is one.
func (x *intake) renew() {
	if s := x.next.Swap(nil); s != nil {
		x.runner.Swap([]replay.Detector{*s})
	}
}

// ready opens what is not open and due; false: it waited for that in vain.
func (x *intake) ready(ctx context.Context, isOpen func() bool, open func()) bool {
	if isOpen() {
		return true
	}
	if now := x.now(); !now.Before(x.due) {
		x.due = now.Add(reopenEvery)
		if open(); isOpen() {
			return true
		}
	}
	select {
	case <-ctx.Done():
	case <-time.After(waitExports):
	}
	return false
}
