package child

import (
	"context"
	"time"
)

// Pause is how long to wait before a program that ended is started again: Least the first
// time, twice as long each further time up to Most, and Least again after one that ran for
// Calm.
type Pause struct{ Least, Most, Calm time.Duration }

// After is the next pause, after one of last before a run that lasted ran. 0: there was
// none before.
func (p Pause) After(last, ran time.Duration) time.Duration {
	if last == 0 || ran >= p.Calm {
		return p.Least
	}
	return min(2*last, p.Most)
}

// Keep runs the program again and again until ctx ends. Whenever it ends without having
// been asked, ended is told how, and when it is started again.
func (p *Program) Keep(ctx context.Context, pause Pause, ended func(err error, again time.Duration)) {
	var wait time.Duration
	for {
		began := time.Now()
		err := p.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		wait = pause.After(wait, time.Since(began))
		ended(err, wait)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
