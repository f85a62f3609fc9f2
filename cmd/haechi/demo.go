package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/operate/demo"
)

// demoFlags are the flags of `haechi demo`.
type demoFlags struct {
	noTraffic bool
	length    span
	state     string
	level     *choice
}

func demoCommand(o *options) *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{Use: "demo", Short: "Guard a sample bot server and a sample shop on loopback, with traffic and attackers", Args: o.noArgs,
		Long: `Starts, on loopback only, a sample bot server that speaks the real protocol, a
sample web shop, the gateway in front of both, the console, and friendly and hostile
clients, each from an address of its own in 127.0.0.0/8. Ctrl-C leaves nothing behind.
Ports that are taken, by another demo for example, are replaced by free ones.`,
		Example: "  haechi demo\n  haechi demo --for 30s\n  haechi demo --no-traffic\n  haechi demo --state ./demo-state",
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), o, &f) }}
	cmd.Flags().BoolVar(&f.noTraffic, "no-traffic", false, "leave the traffic and the attackers out")
	cmd.Flags().Var(&f.length, "for", "stop by itself after this long, for example 30s")
	cmd.Flags().StringVar(&f.state, "state", "", "keep the state in this folder instead of a temporary one")
	f.level = o.logLevel(cmd, "warn")
	return cmd
}

// stage is everything the demo sets up.
type stage struct {
	flags            *demoFlags
	dir, config      string
	bots, shop, site string // addresses: guarded bot service, guarded shop, console
	friends          []demo.Identity
	hammer, hopper   demo.Identity
	log              *slog.Logger
	print            *printer
}

// runDemo plays until interrupted, or the terminal is closed, or the time is over,
// and then removes what it made.
func runDemo(ctx context.Context, o *options, f *demoFlags) (err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	st := &stage{flags: f, log: newLog(o.print.err, f.level.value, "text"), print: o.print}
	if f.state == "" {
		if st.dir, err = os.MkdirTemp("", "haechi-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(st.dir)) }()
	} else if st.dir, err = keep(f.state); err != nil {
		return err
	}
	if err = st.play(ctx); ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // stopped while it started
	}
	return err
}

// keep makes the folder of a demo that is kept.
func keep(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// play starts the servers, the gateway and the cast, and ends with ctx, or with the
// first of them that fails.
func (st *stage) play(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// The servers behind go last: the gateway would report their end as an outage.
	servers, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	failed := make(chan error, 3)
	if err := st.build(servers, failed); err != nil {
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
		err = st.perform(ctx, a, &s, failed)
	}
	stop()
	return errors.Join(err, <-running)
}

// perform enrols the phones, says hello and lets the cast on stage until ctx ends or
// a server fails. It leaves nobody on the stage.
func (st *stage) perform(ctx context.Context, a *app.App, s *app.Started, failed <-chan error) error {
	if err := st.enrol(ctx, a); ctx.Err() != nil {
		return ctx.Err() // the gateway ends, and its records may have closed under the enrolment
	} else if err != nil {
		return err
	}
	if st.flags.length > 0 { // counted from here: a slow machine takes longer to start than some ask for
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, time.Duration(st.flags.length))
		defer end()
	}
	st.welcome(s)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	over := make(chan error, 1)
	if st.flags.noTraffic {
		over <- nil
	} else {
		cast, err := st.cast()
		if err != nil {
			return err
		}
		go func() { over <- cast.Run(ctx) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stop()
	return errors.Join(err, <-over)
}

func (st *stage) cast() (*demo.Cast, error) {
	pool, err := caPool(filepath.Join(st.dir, "ca", "ca.crt"))
	if err != nil {
		return nil, err
	}
	return demo.NewCast(demo.CastConfig{
		Bots: []string{st.bots}, Shop: st.shop, Host: "localhost", TLS: &tls.Config{RootCAs: pool, ServerName: "localhost"},
		Friends: st.friends, Hammer: st.hammer, Hopper: st.hopper, Victim: st.friends[0], Log: st.log,
	})
}

func caPool(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "trust the demo's own CA", Msg: path + " holds no certificate"}
	}
	return pool, nil
}

// newcomer is the device that waits for the operator's approval.
const newcomer = "새친구봇"

// enrol makes the devices of the play: friends with a key and an approval, one
// that still waits for yours, and two that will misbehave.
func (st *stage) enrol(ctx context.Context, a *app.App) error {
	op := haechi.Operator{Name: "demo", Via: "start"}
	phones := []demo.Identity{
		{Bot: "LOA.i", Serial: "0123456789abcdef"}, {Bot: "도매까봇", Serial: "89abcdef01234567"},
		{Bot: "찻집봇", Serial: "fedcba9876543210", Shape: demo.V32}, {Bot: newcomer, Serial: "00112233aabbccdd"},
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
		if id.Bot == newcomer {
			continue // yours to approve
		}
		if _, err := a.Control().SetDeviceStatus(ctx, op, id.Key(), haechi.Approved, "demo"); err != nil {
			return err
		}
	}
	st.friends, st.hammer, st.hopper = phones[:4], phones[4], phones[5]
	return nil
}
