package service

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Group is an ordered set of parts. The zero value is ready to use. It is run once.
type Group struct {
	// Grace is how long one part may take to stop; 0 waits without end.
	Grace time.Duration

	parts []*part
}

type part struct {
	name   string
	run    func(context.Context) error
	cancel context.CancelFunc
	done   chan struct{}
	err    error // set before done is closed
}

// Add appends a part. run works until its context ends and returns nil then;
// returning nil earlier means that its work is done, and an error stops the group.
func (g *Group) Add(name string, run func(context.Context) error) {
	g.parts = append(g.parts, &part{name: name, run: run, done: make(chan struct{})})
}

// Run starts the parts in the order they were added and waits until ctx ends, a
// part fails, or all have returned. Then it stops those still running, last one
// first, and returns the parts' errors, joined. A part's own context.Canceled
// after its context ended is no error.
func (g *Group) Run(ctx context.Context) error {
	failed := make(chan struct{}, len(g.parts))
	base := context.WithoutCancel(ctx)
	for _, p := range g.parts {
		p.start(base, failed)
	}
	g.await(ctx, failed)
	var errs []error
	for i := len(g.parts) - 1; i >= 0; i-- {
		if err := g.parts[i].stop(g.Grace); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (p *part) start(base context.Context, failed chan<- struct{}) {
	ctx, cancel := context.WithCancel(base)
	p.cancel = cancel
	go func() {
		defer close(p.done)
		err := p.run(ctx)
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			err = nil
		}
		if p.err = err; err != nil {
			failed <- struct{}{}
		}
	}()
}

// await returns when the group has to stop.
func (g *Group) await(ctx context.Context, failed <-chan struct{}) {
	for _, p := range g.parts {
		select {
		case <-p.done:
			if p.err != nil {
				return
			}
		case <-failed:
			return
		case <-ctx.Done():
			return
		}
	}
}

// stop ends the part's context, waits for it, and returns its error.
func (p *part) stop(grace time.Duration) error {
	p.cancel()
	if !p.wait(grace) {
		return fmt.Errorf("%s did not stop within %s", p.name, grace)
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w", p.name, p.err)
	}
	return nil
}

func (p *part) wait(grace time.Duration) bool {
	if grace <= 0 {
		<-p.done
		return true
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}
