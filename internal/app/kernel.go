package app

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/config"
	"haechi/internal/enforce"
	"haechi/internal/enforce/nft"
)

// kernel is an enforcer in the kernel.
type kernel interface {
	enforce.Enforcer
	enforce.Selective
	enforce.Watchful
	// Guard replaces whom the kernel accepts before any drop.
	Guard(ctx context.Context, ps []netip.Prefix) error
	Stats() []haechi.Counter
}

// The values of shield.kernel.
const (
	kernelOff  = "off"
	kernelAuto = "auto"
)

// kernelTimeout bounds one exchange with the kernel: whoever decides waits for it.
const kernelTimeout = 2 * time.Second

// openKernel opens what the configuration asks for. Without the right, or without
// nftables in the kernel, auto goes on in process, and nft is an error.
func (e *estate) openKernel(ctx context.Context) error {
	if e.cfg.Shield.Kernel == kernelOff {
		return nil
	}
	if socket := e.cfg.Shield.Socket; socket != "" {
		c := e.dialShield(socket)
		e.kernel = c
		if err := c.Guard(ctx, e.list.guarded()); err != nil && e.cfg.Shield.Kernel != kernelAuto {
			return err
		} // auto: it is used when it comes
		return nil
	}
	k, err := nft.Open(ctx, nft.Config{From: e.cfg.Shield.From, Protected: e.list.protectedPrefix, Timeout: kernelTimeout, Now: e.now})
	if err == nil {
		err = k.Guard(ctx, e.list.guarded())
	}
	switch {
	case err == nil:
		e.kernel = k
	case e.cfg.Shield.Kernel == kernelAuto:
		e.log.Warn("not enforced in the kernel, in the process only", "err", err)
	default:
		return err
	}
	return nil
}

// enforcers are the places of enforcement, the one that knows everything first.
func (e *estate) enforcers() []enforce.Enforcer {
	if e.kernel == nil {
		return []enforce.Enforcer{e.session}
	}
	return []enforce.Enforcer{e.session, e.kernel}
}

// guard keeps the kernel's own list of whom it must never drop up to date.
func (e *estate) guard(ctx context.Context) error {
	if e.kernel == nil {
		return nil
	}
	return e.kernel.Guard(ctx, e.list.guarded())
}

func (e *estate) kernelStats() []haechi.Counter {
	if e.kernel == nil {
		return nil
	}
	out := append(e.kernel.Stats(), haechi.Counter{Name: "nft_failed", Value: e.force.Failed()})
	for _, s := range e.reconciler.Status() {
		if s.Name == e.kernel.Name() {
			out = append(out, haechi.Counter{Name: "nft_drift", Value: s.Drift})
		}
	}
	return out
}

// enforcerStatus is what each enforcer has, and why the kernel is not used.
func (e *estate) enforcerStatus(ctx context.Context) []haechi.EnforcerStatus {
	out := e.reconciler.Status()
	for i := range out {
		if out[i].Note == "" {
			out[i].Able = haechi.AbleYes
		}
	}
	if e.kernel != nil {
		return out
	}
	return append(out, unused(ctx, e.cfg.Shield.Kernel))
}

// unused says why nftables is not used, and whether it could be.
func unused(ctx context.Context, setting string) haechi.EnforcerStatus {
	s := haechi.EnforcerStatus{Name: "nft", Unused: "off"}
	left, err := nft.Probe(ctx, 0)
	switch kind := haechi.KindOf(err); {
	case err == nil:
		s.Able = haechi.AbleYes
	case kind == haechi.Denied:
		s.Able = haechi.AbleNo
	}
	switch {
	case left:
		s.Unused = "left"
	case setting == kernelOff && s.Able == haechi.AbleYes:
		s.Unused = "off_able"
	case setting == kernelOff && s.Able == haechi.AbleNo:
		s.Unused = "off_unable"
	case setting == kernelOff:
	case err == nil:
		s.Unused = "failed" // at the start; it could be used by now
	case s.Able == haechi.AbleNo:
		s.Unused = "denied"
	default:
		s.Unused = "missing"
	}
	return s
}

// guarded is everybody who must never be dropped: the kernel accepts them first.
func (l *lists) guarded() []netip.Prefix {
	out := slices.Concat(l.allow.Load().Prefixes(), l.proxies.Load().Prefixes(), l.own.Load().Prefixes(), l.around.Load().Prefixes(), l.behind.Load().Prefixes())
	for _, a := range l.console() {
		out = append(out, clientkey.Of(a, l.v6Bits))
	}
	return out
}

// protectedPrefix says why a prefix must not be dropped.
func (l *lists) protectedPrefix(p netip.Prefix) (string, bool) {
	if l.allowsAny(p) {
		return "it is on the allow list", true
	}
	return l.protected(haechi.Scope{Kind: haechi.ScopePrefix, Prefix: p})
}

// literals are the addresses among the servers behind: what answers the gateway must
// not be dropped.
func literals(cfg *config.Config) (out []netip.Prefix) {
	for i := range cfg.Services {
		s := &cfg.Services[i]
		for _, name := range append([]string{s.Upstream}, s.Others...) {
			if a, ok := literal(name); ok {
				out = append(out, netip.PrefixFrom(a, a.BitLen()))
			}
		}
		for _, n := range s.TCP.Names {
			if a, ok := literal(n.Upstream); ok {
				out = append(out, netip.PrefixFrom(a, a.BitLen()))
			}
		}
	}
	return out
}
