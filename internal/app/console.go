package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/config"
	"haechi/internal/ingress/tlsterm"
	"haechi/internal/show/api"
	"haechi/internal/show/catalogue"
	"haechi/internal/show/console"
	"haechi/web"
)

// apiHandler is the JSON interface for whoever the function names.
func (a *App) apiHandler(who func(*http.Request) (haechi.Operator, bool)) http.Handler {
	c := a.control
	return api.New(api.Deps{Watcher: c, Devices: c, Fleet: c, Enrolment: c, Decisions: c, Importer: c, Explainer: c, Keeper: c, Replayer: c, Excepter: c, Usual: c, Attacker: c, Drainer: c, Closeups: c, Operator: who, Now: a.opts.Now, Log: a.opts.Log})
}

// consoleServer is the operator's own listener. A nil one does nothing.
type consoleServer struct {
	console *console.Console
	certs   *tlsterm.Set
	server  *http.Server
	listen  net.Listener
	log     *slog.Logger
}

// openConsole opens the console's listener; without an address there is none.
func (a *App) openConsole(ctx context.Context, cfg *config.Config) (*consoleServer, error) {
	if cfg.Console.Listen == "" {
		return nil, nil
	}
	certs, err := consoleCert(cfg, a.opts.Now())
	if err != nil {
		return nil, err
	}
	con, err := console.New(console.Config{
		Assets: web.Files(), Zone: cfg.Zone, Language: cfg.Console.Language, RuleTitle: a.ruleTitle, Sentence: a.sentence,
		Client: func(addr netip.Addr) netip.Prefix { return clientkey.Of(addr, cfg.Client.IPv6Prefix) },
		Now:    a.opts.Now, Log: a.opts.Log,
	}, console.Deps{
		Watcher: a.control, Devices: a.control, Fleet: a.control, Enrolment: a.control, Decisions: a.control, Explainer: a.control, Keeper: a.control, Excepter: a.control,
		Settings: a.estate.store, Sink: a.estate.pipeline, Texts: catalogue.New(), API: a.apiHandler(console.OperatorOf),
	})
	if err != nil {
		return nil, err
	}
	a.estate.list.console = con.LiveSessions
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Console.Listen)
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Unavailable, Op: "open the console", Err: err, Hint: "choose another address for console.listen"}
	}
	mux := http.NewServeMux()
	mux.Handle("/", con)
	if cfg.Metrics.Listen == "" {
		mux.Handle("GET /metrics", loopbackOnly(a.estate.metrics.Handler()))
	}
	s := &consoleServer{console: con, certs: certs, listen: l, log: a.opts.Log}
	s.server = ownServer(mux, a.opts.Log)
	s.server.TLSConfig = consoleTLS(certs)
	return s, nil
}

// ruleTitle asks the present rules; while the first ones load there are none.
func (a *App) ruleTitle(id, language string) string {
	if w := a.estate.current.Load(); w != nil {
		return w.rules.Title(id, language)
	}
	return ""
}

// sentence explains a finding by the present rules.
func (a *App) sentence(f *haechi.Finding, language string) string {
	if w := a.estate.current.Load(); w != nil {
		return w.rules.Sentence(f, language)
	}
	return ""
}

// consoleTLS serves the one certificate under any name: the console is reached by
// address as often as by name, and a name that does not fit is the browser's to say.
func consoleTLS(certs *tlsterm.Set) *tls.Config {
	c := tlsterm.Config(certs)
	named := c.GetCertificate
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if cert, err := named(hello); cert != nil || err != nil {
			return cert, err
		}
		return certs.Certificate(), nil
	}
	return c
}

func consoleCert(cfg *config.Config, now time.Time) (*tlsterm.Set, error) {
	if cfg.Console.Cert != "" {
		return tlsterm.Files(cfg.Console.Cert, cfg.Console.Key, now)
	}
	host, _, err := net.SplitHostPort(cfg.Console.Listen)
	if err != nil {
		return nil, err
	}
	ca := tlsterm.DevCA{Dir: filepath.Join(cfg.State, "ca"), Leaf: "console"}
	if host != "" {
		ca.Hosts = []string{host}
	}
	return ca.Open(now)
}

// ownServer is a server of ours, not of a guarded service.
func ownServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// loopbackOnly keeps metrics on the console's listener from strangers; give them an
// address of their own to scrape them from elsewhere.
func loopbackOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ap, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !ap.Addr().Unmap().IsLoopback() {
			http.Error(w, "metrics are served to this machine only; set metrics.listen for others", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (s *consoleServer) run(ctx context.Context) error {
	if s == nil {
		<-ctx.Done()
		return nil
	}
	go func() { _ = s.certs.Run(ctx, time.Hour, s.log) }() // ends with ctx
	err := serveUntil(ctx, func() error { return s.server.ServeTLS(s.listen, "", "") }, s.server)
	s.console.Close()
	return err
}

func (s *consoleServer) close() error {
	if s == nil {
		return nil
	}
	s.console.Close()
	return s.listen.Close()
}

// serveUntil serves until ctx ends, then lets requests under way finish briefly.
func serveUntil(ctx context.Context, serve func() error, server *http.Server) error {
	failed := make(chan error, 1)
	go func() { failed <- serve() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainGrace)
	defer cancel()
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-failed
	return err
}

// metricsServer serves /metrics on an address of its own. A nil one does nothing.
type metricsServer struct {
	server *http.Server
	listen net.Listener
}

func openMetrics(addr string, h http.Handler) (*metricsServer, error) {
	if addr == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Unavailable, Op: "open the metrics address", Err: err, Hint: "choose another address for metrics.listen"}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h)
	return &metricsServer{server: ownServer(mux, slog.New(slog.DiscardHandler)), listen: l}, nil
}

func (s *metricsServer) run(ctx context.Context) error {
	if s == nil {
		<-ctx.Done()
		return nil
	}
	return serveUntil(ctx, func() error { return s.server.Serve(s.listen) }, s.server)
}

func (s *metricsServer) close() error {
	if s == nil {
		return nil
	}
	return s.listen.Close()
}
