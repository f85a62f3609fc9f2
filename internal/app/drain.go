package app

import (
	"haechi"
)

// drainer drains the servers behind the services of the present world.
type drainer struct{ e *estate }

// Drain implements control.Servers.
func (d drainer) Drain(service, server string, on bool) error {
	for _, g := range d.e.current.Load().guards {
		for _, s := range g.status() {
			if s.Name == service && len(s.Servers) > 0 {
				return d.drain(s.Servers, service, server, on)
			}
		}
	}
	return &haechi.Error{Kind: haechi.NotFound, Op: "drain " + server, Msg: "no HTTP service " + service + " has several servers",
		Hint: "haechi servers lists those that have"}
}

func (d drainer) drain(all []haechi.ServerStatus, service, server string, on bool) error {
	found, others := false, false
	for _, one := range all {
		found = found || one.URL == server
		others = others || one.URL != server && !one.Draining
	}
	switch {
	case !found:
		return &haechi.Error{Kind: haechi.NotFound, Op: "drain " + server, Msg: "this server is not behind " + service,
			Hint: "haechi servers lists them as they have to be written"}
	case on && !others:
		return &haechi.Error{Kind: haechi.Conflict, Op: "drain " + server, Msg: "no other server of " + service + " would be left",
			Hint: "put one back first: haechi servers resume " + service + " SERVER"}
	}
	d.e.drains.Of(service, server).Drain(on)
	return nil
}
