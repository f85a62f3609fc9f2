package app

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/enforce"
	"haechi/internal/enforce/nft"
	"haechi/internal/enforce/syncookies"
	"haechi/internal/enforce/xdp"
)

// procSys is where the kernel's settings are.
const procSys = "/proc/sys"

// stageKernel is what a stage does in the kernel: meters of nftables and of the driver, and
// SYN cookies. Each packet that the driver lets through is metered by nftables as well, by
// the same numbers: what is too much is dropped where that is cheapest.
type stageKernel struct {
	filter  *nft.Meters // nil: it cannot be had
	driver  *xdp.Stage  // nil: likewise
	mu      sync.Mutex
	cookies *syncookies.Switch
	asked   time.Time // when the gateway was last heard of
	set     bool
}

// deserted is after how long without the gateway its meters are taken away.
const deserted = time.Minute

// openStageKernel opens it, and takes away what an earlier process left. Without nftables
// the driver does it alone.
func openStageKernel(ctx context.Context, guard []netip.Prefix, keep string, driver *xdp.Stage) (*stageKernel, error) {
	k := &stageKernel{driver: driver}
	m, err := nft.OpenMeters(ctx, nft.Config{Timeout: kernelTimeout})
	switch {
	case err == nil:
		k.filter = m
		err = m.Guard(ctx, guard)
	case driver != nil:
		err = nil
	}
	if err == nil && driver != nil {
		err = driver.SetMeters(ctx, enforce.Meters{})
	}
	if err != nil {
		return nil, err
	}
	k.cookies, err = syncookies.New(procSys, keep)
	return k, err
}

// close gives up what it holds open; what is in force stays.
func (k *stageKernel) close() error {
	if k == nil || k.cookies == nil {
		return nil
	}
	return k.cookies.Close()
}

// stageIn is the driver's place for stages, if the enforcer is that.
func stageIn(before *xdp.Stage, k enforce.Enforcer) *xdp.Stage {
	if e, ok := k.(*xdp.Enforcer); ok && e != nil {
		return e.Stage()
	}
	return before
}

// Guard replaces whom the meters never drop. Without meters it does nothing.
func (k *stageKernel) Guard(ctx context.Context, ps []netip.Prefix) error {
	if k == nil || k.filter == nil {
		return nil // the driver's enforcer guards its own
	}
	return k.filter.Guard(ctx, ps)
}

// meters are where they are put into force.
func (k *stageKernel) meters() (out []enforce.Meterer) {
	if k.driver != nil {
		out = append(out, k.driver)
	}
	if k.filter != nil {
		out = append(out, k.filter)
	}
	return out
}

// SetMeters implements [enforce.Meterer].
func (k *stageKernel) SetMeters(ctx context.Context, m enforce.Meters) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked, k.set = time.Now(), m != (enforce.Meters{})
	var errs []error
	if m.Cookies {
		errs = append(errs, k.cookies.Force()) // before the driver, which sends no others than the kernel knows
	}
	for _, p := range k.meters() {
		errs = append(errs, p.SetMeters(ctx, m))
	}
	if !m.Cookies {
		errs = append(errs, k.cookies.Release())
	}
	return errors.Join(errs...)
}

// Know implements [enforce.Meterer].
func (k *stageKernel) Know(ctx context.Context, clients []netip.Prefix, length time.Duration) error {
	var errs []error
	for _, p := range k.meters() {
		errs = append(errs, p.Know(ctx, clients, length))
	}
	return errors.Join(errs...)
}

// Held implements [enforce.Meterer]. It errs where there are none, of which the gateway
// would not ask: the process began anew, and the gateway sets them again.
func (k *stageKernel) Held(ctx context.Context) ([]haechi.Counter, error) {
	k.mu.Lock()
	k.asked = time.Now()
	set := k.set
	k.mu.Unlock()
	if !set {
		return nil, &haechi.Error{Kind: haechi.Conflict, Op: "read the meters", Msg: "none are in force here", Hint: "they are put into force again within a second"}
	}
	var all []haechi.Counter
	var errs []error
	for _, p := range k.meters() {
		held, err := p.Held(ctx)
		errs = append(errs, err)
		all = sum(all, held)
	}
	return all, errors.Join(errs...)
}

// sum adds counters of the same name up.
func sum(all, more []haechi.Counter) []haechi.Counter {
	for _, c := range more {
		i := slices.IndexFunc(all, func(o haechi.Counter) bool { return o.Name == c.Name })
		if i < 0 {
			all = append(all, c)
			continue
		}
		all[i].Value += c.Value
	}
	return all
}

// leave takes the meters away whose gateway is gone: nobody would step down.
func (k *stageKernel) leave(ctx context.Context) error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	gone := k.set && time.Since(k.asked) > deserted
	k.mu.Unlock()
	if !gone {
		return nil
	}
	return k.SetMeters(ctx, enforce.Meters{})
}

// openStagePlace is where the gateway's stages are put into force in the kernel: by the
// shield, or by itself; nil: nowhere.
func (e *estate) openStagePlace(ctx context.Context) enforce.Meterer {
	s := &e.cfg.Shield
	switch {
	case s.Kernel == kernelOff:
		return nil
	case s.Socket != "":
		return e.dialShield("")
	}
	k, err := openStageKernel(ctx, e.list.guarded(), e.cfg.State, e.driver)
	if err != nil {
		e.log.Warn("a stage has no meters in the kernel", "err", err)
		return nil
	}
	return k
}

// shieldKeep is where the shield notes what the kernel's settings were.
func shieldKeep(s *config.Shield) string { return filepath.Dir(s.Socket) }
