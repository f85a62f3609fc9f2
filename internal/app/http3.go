package app

import (
	"context"
	"errors"
	"net"
	"sync"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/ingress/h3"
	"haechi/internal/ingress/httpgate"
)

// altSvc says for a day that HTTP/3 is spoken at the port of a listening address; empty
// where it is not, or where the system chooses the port.
func altSvc(s *config.Service, addr string) string {
	_, port, err := net.SplitHostPort(addr)
	if err != nil || port == "0" || !s.TLS.HTTP3 {
		return ""
	}
	return `h3=":` + port + `"; ma=86400`
}

// listenUDP opens the group's address for HTTP/3, with the TLS listener as the door.
// Services that share an address speak it all or none.
func (g *httpGuard) listenUDP(pool *h3.Pool, conf *httpgate.Config, on bool) error {
	if !on {
		return nil
	}
	var err error
	g.udp, err = pool.Listen(h3.Config{Addr: g.socket.Addr().String(), Service: conf.Name, TLS: g.gate.StreamTLS(), Door: g.socket,
		HeaderTimeout: conf.HeaderTimeout, IdleTimeout: conf.IdleTimeout, MaxHeaderBytes: conf.MaxHeaderBytes, Log: g.log})
	if err != nil {
		return errors.Join(err, g.socket.Close())
	}
	return nil
}

// serve lets the gate answer at the address, over TCP and, where that is on, over UDP.
func (g *httpGuard) serve(kept context.Context) {
	var all sync.WaitGroup
	all.Go(func() {
		if err := g.gate.Serve(kept, g.socket); err != nil {
			g.log.Error("an HTTP gate ended", "err", err)
		}
	})
	if g.udp != nil {
		all.Go(func() {
			if err := g.gate.ServeStreams(kept, g.udp); err != nil {
				g.log.Error("an HTTP gate ended for HTTP/3", "err", err)
			}
		})
	}
	all.Wait()
}

// closeSockets gives the address up.
func (g *httpGuard) closeSockets() error {
	err := g.socket.Close()
	if g.udp != nil {
		err = errors.Join(err, g.udp.Close())
	}
	return err
}

// udpCounters are those of HTTP/3 at the address.
func (g *httpGuard) udpCounters() []haechi.Counter {
	if g.udp == nil {
		return nil
	}
	return g.udp.Counters()
}
