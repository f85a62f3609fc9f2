package app

import (
	"context"
	"path/filepath"
)

// announce tells the operator where everything is. The login link is made only
// while nobody can log in yet.
func (a *App) announce(ctx context.Context) {
	if a.opts.Started == nil {
		return
	}
	s := Started{Socket: filepath.Join(a.estate.cfg.State, SocketName)}
	for _, g := range a.estate.current.Load().guards {
		s.Services = append(s.Services, g.status()...)
	}
	if c := a.console; c != nil {
		s.Console = "https://" + c.listen.Addr().String()
		s.CAFile = c.certs.CAFile()
		if has, err := c.console.HasOperator(ctx); err != nil && ctx.Err() == nil {
			a.opts.Log.Error("the console's accounts could not be read", "err", err)
		} else if err == nil && !has {
			s.LoginLink = s.Console + c.console.LoginLink()
		}
	}
	a.opts.Started(s)
}
