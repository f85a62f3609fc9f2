package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/operate/demo"
)

// demoFlags are the flags of `haechi demo`.
type demoFlags struct {
	noTraffic bool
	length    time.Duration
	state     string
	level     string
}

func demoCommand(o *options) *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{Use: "demo", Short: "Guard a sample bot server and a sample shop on loopback, with traffic and attackers", Args: noArgs,
		Long: `Starts, on loopback only, a sample bot server that speaks the real protocol, a
sample web shop, the gateway in front of both, the console, and friendly and hostile
clients, each from an address of its own in 127.0.0.0/8. Ctrl-C leaves nothing behind.`,
		Example: "  haechi demo\n  haechi demo --for 30s\n  haechi demo --no-traffic",
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), o, &f) }}
	cmd.Flags().BoolVar(&f.noTraffic, "no-traffic", false, "leave the traffic and the attackers out")
	cmd.Flags().DurationVar(&f.length, "for", 0, "stop by itself after this long")
	cmd.Flags().StringVar(&f.state, "state", "", "keep the state in this folder instead of a temporary one")
	cmd.Flags().StringVar(&f.level, "log", "warn", "debug, info, warn or error")
	return cmd
}

// stage is everything the demo sets up.
type stage struct {
	dir, config      string
	bots, shop, site string // addresses: guarded bot service, guarded shop, console
	friends          []demo.Identity
	hammer, hopper   demo.Identity
	log              *slog.Logger
	print            *printer
	noTraffic        bool
}

func runDemo(ctx context.Context, o *options, f *demoFlags) error {
	log, err := newLog(o.print.err, f.level, "text")
	if err != nil {
		return usageError{err}
	}
	if f.length > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, f.length)
		defer stop()
	}
	st := &stage{log: log, print: o.print, noTraffic: f.noTraffic, dir: f.state}
	if st.dir == "" {
		if st.dir, err = os.MkdirTemp("", "haechi-demo-"); err != nil {
			return err
		}
		defer os.RemoveAll(st.dir)
	} else if err := os.MkdirAll(st.dir, 0o700); err != nil {
		return err
	}
	return st.play(ctx)
}

// play starts the servers, the gateway and the cast, and ends with ctx.
func (st *stage) play(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, 3)
	botUpstream, err := serveBots(ctx, failed, st.log)
	if err != nil {
		return err
	}
	shopUpstream, err := serveShop(ctx, failed)
	if err != nil {
		return err
	}
	if err := st.configure(botUpstream, shopUpstream); err != nil {
		return err
	}
	started := make(chan app.Started, 1)
	a, err := app.New(ctx, app.Options{ConfigPath: st.config, Version: version, Log: st.log, Started: func(s app.Started) { started <- s }})
	if err != nil {
		return err
	}
	running := make(chan error, 1)
	go func() { running <- a.Run(ctx) }()
	select {
	case err := <-running:
		return err
	case s := <-started:
		err = st.perform(ctx, a, &s)
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-failed:
		}
	}
	stop()
	return errors.Join(err, <-running)
}

// perform enrols the phones, says hello and lets the cast on stage.
func (st *stage) perform(ctx context.Context, a *app.App, s *app.Started) error {
	if err := st.enrol(ctx, a); err != nil {
		return err
	}
	st.welcome(s)
	if st.noTraffic {
		return nil
	}
	pool, err := caPool(filepath.Join(st.dir, "ca", "ca.crt"))
	if err != nil {
		return err
	}
	cast, err := demo.NewCast(demo.CastConfig{
		Bots: []string{st.bots}, Shop: st.shop, Host: "localhost", TLS: &tls.Config{RootCAs: pool, ServerName: "localhost"},
		Friends: st.friends, Hammer: st.hammer, Hopper: st.hopper, Victim: st.friends[0], Log: st.log,
	})
	if err != nil {
		return err
	}
	return cast.Run(ctx)
}

func caPool(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return pool, nil
}

// enrol makes the devices of the play: friends with a key and an approval, one
// that still waits for yours, and two that will misbehave.
func (st *stage) enrol(ctx context.Context, a *app.App) error {
	op := haechi.Operator{Name: "demo", Via: "start"}
	phones := []demo.Identity{
		{Bot: "LOA.i", Serial: "0123456789abcdef"}, {Bot: "도매까봇", Serial: "89abcdef01234567"},
		{Bot: "찻집봇", Serial: "fedcba9876543210", Shape: demo.V32}, {Bot: "새친구봇", Serial: "00112233aabbccdd"},
		{Bot: "말썽봇", Serial: "badbadbadbadbad1"}, {Bot: "방랑봇", Serial: "badbadbadbadbad2"},
	}
	for i := range phones {
		id := &phones[i]
		if _, err := a.Control().AddDevice(ctx, op, "bots", id.Key()); err != nil {
			return err
		}
		k, err := a.Control().NewDeviceKey(ctx, op, id.Key())
		if err != nil {
			return err
		}
		id.Secret, id.Salt = haechi.Secret(k.Secret), haechi.Secret(k.Salt)
		if id.Bot == "새친구봇" {
			continue // yours to approve
		}
		if _, err := a.Control().SetDeviceStatus(ctx, op, id.Key(), haechi.Approved, "demo"); err != nil {
			return err
		}
	}
	st.friends, st.hammer, st.hopper = phones[:4], phones[4], phones[5]
	return nil
}

func (st *stage) configure(botUpstream, shopUpstream string) error {
	st.bots, st.shop, st.site = freeAddr("127.0.0.1:1491"), freeAddr("127.0.0.1:8443"), freeAddr("127.0.0.1:9443")
	st.config = filepath.Join(st.dir, "haechi.yaml")
	return os.WriteFile(st.config, fmt.Appendf(nil, demoConfig, st.dir, st.site, st.bots, botUpstream, st.shop, shopUpstream), 0o600)
}

// freeAddr is the preferred address if nobody listens there, else one that the
// system chooses.
func freeAddr(preferred string) string {
	for _, addr := range []string{preferred, "127.0.0.1:0"} {
		if l, err := net.Listen("tcp", addr); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	return preferred
}

// demoConfig is the demo's haechi.yaml.
const demoConfig = `# The demo's configuration. Change it and run: haechi reload
state: %q
zone: Asia/Seoul
console: { listen: %q }
services:
  bots:
    kind: device
    profile: messengerbot
    listen: [%q]
    upstream: %s
    device: { hold: 10s }
  shop:
    kind: http
    hosts: [localhost, 127.0.0.1]
    listen: [%q]
    tls: { dev_ca: true }
    upstream: http://%s
    routes:
      - { path: /login, class: login }
      - { path: /assets, class: asset }
    limits:
      classes: { login: 5/s burst 10 }
rules:
  device/rapid-reconnect: { mode: enforce }
  device/room-hopping: { mode: enforce }
  device/failed-auth: { mode: enforce }
  auth/brute-force: { mode: enforce, for: 5m }
`

func serveBots(ctx context.Context, failed chan<- error, log *slog.Logger) (string, error) {
	l, err := demo.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	bots := demo.NewBotServer(demo.BotConfig{Log: log})
	go func() { failed <- bots.Serve(ctx, l) }()
	return l.Addr().String(), nil
}

func serveShop(ctx context.Context, failed chan<- error) (string, error) {
	shop, err := demo.NewShop()
	if err != nil {
		return "", err
	}
	l, err := demo.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: shop, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = s.Close() })
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	return l.Addr().String(), nil
}

func (st *stage) welcome(s *app.Started) {
	p := st.print
	p.head("Haechi guards a sample bot server and a sample shop on this machine.")
	printStarted(p, s)
	p.line("shop    https://%s", st.shop)
	p.line("")
	p.line("In another terminal:")
	p.line("  export HAECHI_CONFIG=%s", st.config)
	p.line("and then, for example:")
	p.line("  ./haechi events --follow                      what happens, live")
	p.line("  ./haechi devices --status pending             who waits for your approval")
	p.line("  ./haechi devices approve %s   let it converse", shellWord(st.friends[3].Key()))
	p.line("  ./haechi decisions                            who is refused, and until when")
	p.line("  ./haechi why 127.77.0.1                       why")
	p.line("Ctrl-C ends it and leaves nothing behind.")
}

func shellWord(s string) string { return "'" + s + "'" }
