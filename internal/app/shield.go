package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/prefixset"
	"haechi/internal/config"
	"haechi/internal/enforce"
	"haechi/internal/enforce/shield"
	"haechi/internal/enforce/xdp"
	"haechi/internal/sensor/capture"
	"haechi/internal/sensor/conntrack"
)

// ShieldOptions is what the shield process is started with.
type ShieldOptions struct {
	ConfigPath string
	UID        int // whose gateway may speak to it, besides root's
	Log        *slog.Logger
	// Open leaves the process what it has when it serves; otherwise it confines itself.
	Open bool
	// Started is called once it listens. It must not block.
	Started func(socket string)
}

// RunShield serves the kernel's packet filter to the gateway until ctx ends. What is in
// force stays in force then. It knows whom to protect by the configuration and by itself,
// whatever the gateway asks for.
func RunShield(ctx context.Context, o ShieldOptions) error {
	cfg, err := loadConfig(o.ConfigPath)
	if err != nil {
		return err
	}
	if cfg.Shield.Socket == "" {
		return &haechi.Error{Kind: haechi.Invalid, Op: "start the shield", Msg: "the file names no shield.socket",
			Hint: "write shield: { kernel: auto, socket: /run/haechi/shield.sock }"}
	}
	p := &protector{list: newLists(cfg.Client.IPv6Prefix)}
	p.asked.Store(prefixset.New())
	// Who is around at the start stays protected: once confined, the process may not find a
	// file of name servers that was replaced.
	p.list.set(slices.Concat(cfg.Allow, surroundings()), cfg.TrustedProxies, literals(cfg))
	if err := p.list.refreshOwn(); err != nil {
		return err
	}
	ks, missing, err := openPlaces(ctx, &cfg.Shield, p, o.Log)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(shieldKeep(&cfg.Shield), 0o755); err != nil { // the gateway's user enters it
		return fmt.Errorf("make the folder of the shield's socket: %w", err)
	}
	deny := newDenyLists(&cfg.Shield, shieldKeep(&cfg.Shield), p.protected, time.Now, o.Log)
	for _, k := range ks {
		deny.hold(k)
	}
	deny.look(ctx)
	m, err := openStageKernel(ctx, p.all(nil), shieldKeep(&cfg.Shield), driverOf(ks))
	if err != nil {
		o.Log.Warn("a stage has no meters in the kernel", "err", err)
	}
	defer func() { _ = m.close() }()
	l, err := listenShield(ctx, cfg.Shield.Socket, o.UID)
	if err != nil {
		return err
	}
	open := confineShield(&o, &cfg.Shield)
	if o.Started != nil {
		o.Started(cfg.Shield.Socket)
	}
	go func() { _ = deny.run(ctx) }()
	go func() { _ = every(ctx, addressesEvery, func() { p.refresh(ctx, ks, m, o.Log) }) }()
	s := shield.NewServer(shield.ServerConfig{Kernels: ks, Missing: missing, Meters: orNone(m), Protected: p.all, Capture: captures(cfg.Sensor.Interfaces), Connections: connections(cfg.Sensor.Conntrack), Unconfined: open, Log: o.Log,
		Admit: func(c net.Conn) error { return admit(c, o.UID) }})
	return s.Serve(ctx, l)
}

// orNone keeps a nil pointer from becoming meters.
func orNone(m *stageKernel) shield.Meters {
	if m == nil {
		return nil
	}
	return m
}

// driverOf is where stages are put into force in the driver; nil: nowhere.
func driverOf(ks []shield.Kernel) (d *xdp.Stage) {
	for _, k := range ks {
		d = stageIn(d, k)
	}
	return d
}

// captures opens packet sockets on the interfaces that the shield's own file names, and
// on no others.
func captures(names []string) func(name string) (*os.File, error) {
	return func(name string) (*os.File, error) {
		if !slices.Contains(names, name) {
			return nil, &haechi.Error{Kind: haechi.Denied, Op: "capture on " + name, Msg: "the shield's file does not name it in sensor.interfaces",
				Hint: "start the shield again after a change of the file"}
		}
		return capture.OpenSocket(name)
	}
}

// connections opens sockets for the connection table where the shield's own file asks for
// it.
func connections(asked bool) func() (*os.File, error) {
	return func() (*os.File, error) {
		if !asked {
			return nil, &haechi.Error{Kind: haechi.Denied, Op: "read the connection table", Msg: "the shield's file does not say sensor.conntrack: true",
				Hint: "start the shield again after a change of the file"}
		}
		return conntrack.OpenSocket()
	}
}

// openPlaces opens what the configuration asks for. With auto, what cannot be had is
// missing, unless nothing can be had.
func openPlaces(ctx context.Context, s *config.Shield, p *protector, log *slog.Logger) (ks []shield.Kernel, missing map[string]error, err error) {
	missing = make(map[string]error)
	for _, name := range places(s) {
		k, err := openPlace(ctx, name, s, p.protected, p.all(nil))
		if err != nil {
			missing[name] = err
			log.Warn("the shield does not enforce there", "enforcer", name, "err", err)
			continue
		}
		ks = append(ks, k)
	}
	if len(ks) == 0 {
		return nil, nil, errors.Join(slices.Collect(maps.Values(missing))...)
	}
	return ks, missing, nil
}

// protector is whom the shield protects: by the configuration and by itself, and besides
// whoever the gateway named last.
type protector struct {
	list  *lists
	asked atomic.Pointer[prefixset.Set]
}

// all notes whom the gateway protects, and adds the own.
func (p *protector) all(asked []netip.Prefix) []netip.Prefix {
	p.asked.Store(prefixset.New(asked...))
	return slices.Concat(p.list.guarded(), p.asked.Load().Prefixes())
}

func (p *protector) protected(q netip.Prefix) (string, bool) {
	if p.asked.Load().Overlaps(q) {
		return "the gateway protects it", true
	}
	return p.list.protectedPrefix(q)
}

// refresh reads the machine's addresses again.
func (p *protector) refresh(ctx context.Context, ks []shield.Kernel, m *stageKernel, log *slog.Logger) {
	err := errors.Join(p.list.refreshOwn(), m.leave(ctx), m.Guard(ctx, p.all(p.asked.Load().Prefixes())))
	for _, k := range ks {
		if err == nil {
			err = k.Guard(ctx, p.all(p.asked.Load().Prefixes()))
		}
	}
	if err != nil && ctx.Err() == nil {
		log.Error("own addresses could not be read or guarded; the last known stay protected", "err", err)
	}
}

// listenShield opens the socket, for the user alone. One that nobody answers on is a
// leftover, and is replaced.
func listenShield(ctx context.Context, path string, uid int) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open the shield's socket: %w", err)
	}
	if c, err := new(net.Dialer).DialContext(ctx, "unix", path); err == nil {
		_ = c.Close()
		return nil, &haechi.Error{Kind: haechi.Conflict, Op: "open the shield's socket", Msg: "another shield serves " + path, Hint: "stop it first"}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the old shield's socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the shield's socket: %w", err)
	}
	if err := errors.Join(os.Chmod(path, 0o600), os.Chown(path, uid, -1)); err != nil {
		return nil, errors.Join(fmt.Errorf("give the shield's socket to the gateway's user: %w", err), l.Close())
	}
	return l, nil
}

// admit lets root and the gateway's user in, as the kernel names them.
func admit(c net.Conn, uid int) error {
	cred, err := peerCred(c)
	if err != nil {
		return err
	}
	if cred.Uid != 0 && int(cred.Uid) != uid {
		return fmt.Errorf("uid %d may not ask the shield", cred.Uid)
	}
	return nil
}

// dialShield is the shield process as one of the kernel's enforcers.
func (e *estate) dialShield(name string) *shield.Client {
	socket := e.cfg.Shield.Socket
	takes := enforce.Takes(e.cfg.Shield.From, e.list.protectedPrefix)
	return shield.NewClient(shield.ClientConfig{Name: name, Takes: takes, Timeout: kernelTimeout,
		Dial: func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "unix", socket) }})
}

// shieldDown says, when the kernel's enforcer fails, what goes on without it.
func (e *estate) shieldDown() string {
	for _, k := range e.kernels {
		for _, s := range e.reconciler.Status() {
			if s.Name == k.Name() && s.Note != "" {
				return "the kernel shield fails; everything is enforced in process, and what the kernel had stays in force until it ends: " + s.Note
			}
		}
	}
	return ""
}

// sayOnce keeps a failure that lasts from filling the log.
type sayOnce struct{ last time.Time }

func (s *sayOnce) due(now time.Time) bool {
	if now.Sub(s.last) < time.Minute {
		return false
	}
	s.last = now
	return true
}
