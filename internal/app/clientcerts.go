package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/identity/clientcert"
	"haechi/internal/ingress"
	"haechi/internal/ingress/tlsterm"
)

// clientCerts are the clients of all services that show certificates. They outlive a
// world: a connection of an old one has to end when its certificate is revoked now.
type clientCerts struct {
	mu  sync.Mutex
	all map[clientcert.Config]*clientFiles
}

// clientFiles are one pair of files.
type clientFiles struct {
	*clientcert.Clients
	services []string // of the present world; none: of the one before
}

// of are the clients of a service; nil where they are not asked.
func (c *clientCerts) of(s *config.Service, now time.Time) (*clientcert.Clients, error) {
	if !s.TLS.Clients.On() {
		return nil, nil
	}
	cfg := clientcert.Config(s.TLS.Clients)
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.all[cfg]; known != nil {
		_, _, err := known.Refresh(now) // a reload takes over what is there now, or says why not
		return known.Clients, err
	}
	clients, err := clientcert.Open(cfg, now)
	if err != nil {
		return nil, err
	}
	if c.all == nil {
		c.all = map[clientcert.Config]*clientFiles{}
	}
	c.all[cfg] = &clientFiles{Clients: clients}
	return clients, nil
}

// keep says of which services the present world is, and forgets what neither it nor any
// connection needs.
func (c *clientCerts) keep(cfg *config.Config) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.all {
		f.services = nil
	}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		if f := c.all[clientcert.Config(s.TLS.Clients)]; f != nil {
			f.services = append(f.services, s.Name)
		}
	}
	maps.DeleteFunc(c.all, func(_ clientcert.Config, f *clientFiles) bool { return f.services == nil && f.Held() == 0 })
}

// list are all of them with their files, as they are now: a reload names other services
// while somebody reads.
func (c *clientCerts) list() map[clientcert.Config]clientFiles {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[clientcert.Config]clientFiles, len(c.all))
	for cfg, f := range c.all {
		out[cfg] = *f
	}
	return out
}

// run takes over what changes in the files, until ctx ends.
func (c *clientCerts) run(ctx context.Context, now func() time.Time, log *slog.Logger) error {
	return every(ctx, tlsterm.RefreshEvery, func() {
		for cfg, f := range c.list() {
			changed, told, err := f.Refresh(now())
			if changed {
				log.Info("authorities of clients or their lists taken over", "ca", cfg.CA, "crl", cfg.CRL)
			}
			if told {
				log.Error("authorities of clients or their lists not taken over; what was read before counts", "err", err)
			}
		}
	})
}

// counters are those of each service.
func (c *clientCerts) counters(service string) []haechi.Counter {
	for _, f := range c.list() {
		if slices.Contains(f.services, service) {
			return named("tls/"+service+"/", f.Counters())
		}
	}
	return nil
}

// status is what is shown of the lists.
func (c *clientCerts) status(now time.Time) (out []haechi.CertificateStatus) {
	for cfg, f := range c.list() {
		for _, service := range f.services {
			s := haechi.CertificateStatus{Service: service, Origin: originClients, Names: []string{cfg.CA}, Until: f.Until()}
			for _, flaw := range f.Flaws(now) {
				s.Flaws = append(s.Flaws, flaw.Reason)
			}
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b haechi.CertificateStatus) int { return cmp.Compare(a.Service, b.Service) })
	return out
}

// asking makes a configuration ask for the certificates of clients, nil for none. Within
// says that a certificate is refused in the handshake: where nothing is spoken that could
// tell a client its reference.
func asking(conf *tls.Config, clients *clientcert.Clients, within bool, now func() time.Time, sets ...*tlsterm.Set) *tls.Config {
	if clients == nil {
		return conf
	}
	if within {
		conf.VerifyConnection = func(s tls.ConnectionState) error {
			if _, v := clients.Judge(s.PeerCertificates, now()); v.Refuses() {
				return &ingress.Uncertified{Verdict: v}
			}
			return nil
		}
	}
	return tlsterm.Ask(conf, clients, sets...)
}

// certificatesOf keeps a nil pointer from becoming somebody who judges.
func certificatesOf(c *clientcert.Clients) ingress.Certificates {
	if c == nil {
		return nil
	}
	return c
}
