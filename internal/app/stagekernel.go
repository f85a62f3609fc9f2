package app

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/enforce"
	"haechi/internal/enforce/nft"
	"haechi/internal/enforce/syncookies"
)

// procSys is where the kernel's settings are.
const procSys = "/proc/sys"

// stageKernel is what a stage does in the kernel: meters of nftables, and SYN cookies.
type stageKernel struct {
	*nft.Meters
	mu      sync.Mutex
	cookies *syncookies.Switch
	asked   time.Time // when the gateway was last heard of
	set     bool
}

// deserted is after how long without the gateway its meters are taken away.
const deserted = time.Minute

// openStageKernel opens it, and takes away what an earlier process left.
func openStageKernel(ctx context.Context, guard []netip.Prefix, keep string) (*stageKernel, error) {
	m, err := nft.OpenMeters(ctx, nft.Config{Timeout: kernelTimeout})
	if err != nil {
		return nil, err
	}
	if err := m.Guard(ctx, guard); err != nil {
		return nil, err
	}
	c, err := syncookies.New(procSys, keep)
	if err != nil {
		return nil, err
	}
	return &stageKernel{Meters: m, cookies: c}, nil
}

// Guard replaces whom the meters never drop. Without meters it does nothing.
func (k *stageKernel) Guard(ctx context.Context, ps []netip.Prefix) error {
	if k == nil {
		return nil
	}
	return k.Meters.Guard(ctx, ps)
}

// SetMeters implements [enforce.Meterer].
func (k *stageKernel) SetMeters(ctx context.Context, m enforce.Meters) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked, k.set = time.Now(), m != (enforce.Meters{})
	turn := k.cookies.Release
	if m.Cookies {
		turn = k.cookies.Force
	}
	return errors.Join(k.Meters.SetMeters(ctx, m), turn())
}

// Held implements [enforce.Meterer].
func (k *stageKernel) Held(ctx context.Context) ([]haechi.Counter, error) {
	k.mu.Lock()
	k.asked = time.Now()
	k.mu.Unlock()
	return k.Meters.Held(ctx)
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
	k, err := openStageKernel(ctx, e.list.guarded(), e.cfg.State)
	if err != nil {
		e.log.Warn("a stage has no meters in the kernel", "err", err)
		return nil
	}
	return k
}

// shieldKeep is where the shield notes what the kernel's settings were.
func shieldKeep(s *config.Shield) string { return filepath.Dir(s.Socket) }
