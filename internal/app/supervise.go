package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"haechi"
	"haechi/internal/brick/child"
	"haechi/internal/config"
)

// SuperviseOptions is what root starts gateway and shield with.
type SuperviseOptions struct {
	ConfigPath string
	Gateway    []string         // the gateway's arguments
	Shield     []string         // the shield's, to which its user is added
	Out, Err   io.Writer        // the gateway's; the shield has the second only
	Hangup     <-chan os.Signal // what is handed on to the gateway
	Log        *slog.Logger
}

// The times of a supervisor. A gateway takes its time to stop ([stopGrace], part by part),
// and a shield that nothing keeps alive is tried no more than twice a minute.
const (
	gatewayGrace = 3 * time.Minute
	shieldGrace  = 10 * time.Second
	shieldReady  = 15 * time.Second
)

func shieldPause() child.Pause {
	return child.Pause{Least: time.Second, Most: 30 * time.Second, Calm: time.Minute}
}

// Supervise runs, where root started the gateway and an ordinary user is to be it, the
// gateway as that user and beside it the shield with its rights, which is started again
// when it dies. Both end with this process. done is false where there is nobody to become:
// then the gateway runs in this process. A gateway that failed is an [exec.ExitError], and
// has told why.
func Supervise(ctx context.Context, o *SuperviseOptions) (done bool, err error) {
	cfg, err := loadConfig(o.ConfigPath)
	if err != nil {
		return false, err
	}
	u, err := servant(cfg)
	if err != nil || u == nil {
		if err == nil && os.Geteuid() == 0 && cfg.User == "" {
			o.Log.Warn("the gateway runs as root; it needs no more than a user of its own", "hint", "write user: haechi, and chown -R haechi: "+cfg.State)
		}
		return false, err
	}
	s, err := newSupervisor(o, cfg, u)
	if err != nil {
		return true, err
	}
	return true, s.run(ctx)
}

type supervisor struct {
	*SuperviseOptions
	exe    string
	as     *child.Account
	user   *user.User
	shield bool
	pid    atomic.Int64 // the gateway's, 0: it does not run
}

func newSupervisor(o *SuperviseOptions, cfg *config.Config, u *user.User) (*supervisor, error) {
	s := &supervisor{SuperviseOptions: o, user: u, shield: cfg.Shield.Kernel != kernelOff || len(cfg.Sensor.Interfaces) > 0}
	if s.shield && cfg.Shield.Socket == "" {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: opRun,
			Msg:  fmt.Sprintf("as the user %s it needs the shield process for shield.kernel and sensor.interfaces, and the file names no shield.socket", u.Username),
			Hint: "write shield: { socket: /run/haechi-shield/shield.sock } to what stands there"}
	}
	var err error
	if s.as, err = accountOf(u); err != nil {
		return nil, err
	}
	if err := giveState(cfg.State, int(s.as.UID), int(s.as.GID)); err != nil {
		return nil, err
	}
	if s.exe, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("find the program: %w", err)
	}
	return s, nil
}

func (s *supervisor) run(ctx context.Context) error {
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	if s.shield {
		s.startShield(ctx, beside, &all)
	}
	all.Go(func() { s.handOn(beside) })
	s.Log.Info("the gateway runs as an ordinary user", "user", s.user.Username, "shield", s.shield)
	g := &child.Program{Path: s.exe, Args: s.Gateway, Env: environment(s.user), As: s.as, Stdout: s.Out, Stderr: s.Err,
		Grace: gatewayGrace, Started: func(pid int) { s.pid.Store(int64(pid)) }}
	err := g.Run(ctx)
	s.pid.Store(0)
	return s.told(err)
}

// startShield keeps the shield running, and waits until it serves, so that a gateway which
// cannot do without finds it; one that fails keeps the gateway from nothing.
func (s *supervisor) startShield(ctx, beside context.Context, all *sync.WaitGroup) {
	first := make(chan struct{}, 1)
	tell := func() {
		select {
		case first <- struct{}{}:
		default:
		}
	}
	p := &child.Program{Path: s.exe, Args: append(slices.Clone(s.Shield), "--user", s.user.Uid), Stdout: child.First(tell), Stderr: s.Err, Grace: shieldGrace}
	all.Go(func() {
		p.Keep(beside, shieldPause(), func(err error, again time.Duration) {
			s.Log.Error("the shield process ended; what the kernel has stays in force, and it is started again", "err", err, "in", again)
			tell()
		})
	})
	select {
	case <-first:
	case <-ctx.Done():
	case <-time.After(shieldReady):
	}
}

// handOn hands signals on to the gateway, which reloads at a SIGHUP.
func (s *supervisor) handOn(ctx context.Context) {
	for {
		select {
		case sig := <-s.Hangup:
			n, ok := sig.(syscall.Signal)
			if pid := s.pid.Load(); ok && pid > 0 {
				if err := syscall.Kill(int(pid), n); err != nil {
					s.Log.Error("the gateway could not be told to reload", "err", err, "hint", "haechi reload")
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

// told leaves the error of a gateway that told why it failed, and explains the others.
func (s *supervisor) told(err error) error {
	ended := (*exec.ExitError)(nil)
	switch {
	case err == nil, errors.As(err, &ended) && ended.Exited():
		return err
	case ended != nil:
		return &haechi.Error{Kind: haechi.Internal, Op: "guard", Msg: "the gateway was ended: " + ended.Error(), Hint: "its log and the kernel's (journalctl -k) may say why"}
	case errors.Is(err, os.ErrPermission):
		return &haechi.Error{Kind: haechi.Denied, Op: opRun, Err: err, Hint: "the user " + s.user.Username + " must be able to run it; /usr/local/bin is a good place"}
	}
	return err
}

// environment is this process's, with the user's names in place of root's.
func environment(u *user.User) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"HOME", "USER", "LOGNAME", "MAIL", "SHELL"}, name)
	})
	return append(env, "HOME="+u.HomeDir, "USER="+u.Username, "LOGNAME="+u.Username)
}
