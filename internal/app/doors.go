package app

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"haechi"
	"haechi/internal/ingress"
	"haechi/internal/ingress/listener"
)

// doors are the sockets of one service.
type doors struct {
	sockets []*listener.Listener
	open    atomic.Bool
	log     *slog.Logger
}

// listen opens one more socket. On error all are closed.
func (d *doors) listen(pool *listener.Pool, cfg listener.Config) error {
	l, err := pool.Listen(cfg)
	if err != nil {
		return errors.Join(err, d.close())
	}
	d.sockets = append(d.sockets, l)
	return nil
}

// set opens or closes the sockets with the upstream's health, so that a client sees a
// refused connection and not one that is accepted and dropped.
func (d *doors) set(open bool) {
	for _, l := range d.sockets {
		var err error
		if open {
			err = l.Resume()
		} else {
			err = l.Suspend()
		}
		if err != nil {
			d.log.Error("a listening socket could not follow the upstream's health", "addr", l.Addr().String(), "open", open, "err", err)
		}
	}
	d.open.Store(open)
}

// accept serves what comes through all sockets until they are closed, each connection
// in a goroutine of its own.
func (d *doors) accept(all *sync.WaitGroup, serve func(*ingress.Conn)) {
	for _, l := range d.sockets {
		all.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return // retired
				}
				all.Go(func() { serve(c.(*ingress.Conn)) })
			}
		})
	}
}

func (d *doors) close() error {
	var errs []error
	for _, l := range d.sockets {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

func (d *doors) stats() (out []haechi.Counter) {
	for _, l := range d.sockets {
		out = append(out, named(l.Addr().String()+"/", l.Counters())...)
	}
	return out
}
