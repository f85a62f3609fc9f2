package app

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/config"
	"haechi/internal/enforce"
	"haechi/internal/enforce/nft"
	"haechi/internal/enforce/xdp"
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
	kernelNFT  = "nft"
	kernelXDP  = "xdp"
)

// kernelTimeout bounds one exchange with the kernel: whoever decides waits for it.
const kernelTimeout = 2 * time.Second

// places are the enforcers in the kernel that the configuration asks for. XDP drops
// soonest, on the interfaces that are named; nftables drops what comes by the others.
func places(s *config.Shield) []string {
	switch {
	case s.Kernel == kernelOff:
		return nil
	case s.Kernel != kernelAuto:
		return []string{s.Kernel}
	case len(s.Interfaces) > 0:
		return []string{kernelXDP, kernelNFT}
	}
	return []string{kernelNFT}
}

// openPlace opens one of them, with whom it must never drop.
func openPlace(ctx context.Context, name string, s *config.Shield, protected func(netip.Prefix) (string, bool), guard []netip.Prefix) (k kernel, err error) {
	if name == kernelXDP {
		k, err = openXDP(ctx, s, protected)
	} else {
		k, err = nft.Open(ctx, nft.Config{From: s.From, Protected: protected, Timeout: kernelTimeout})
	}
	if err != nil {
		return nil, err
	}
	return k, k.Guard(ctx, guard)
}

func openXDP(ctx context.Context, s *config.Shield, protected func(netip.Prefix) (string, bool)) (kernel, error) {
	e, err := xdp.Open(ctx, xdp.Config{Interfaces: s.Interfaces, Dir: s.Pins, From: s.From, Protected: protected})
	if err != nil {
		return nil, err
	}
	if err := e.SetMeters(ctx, meters(s)); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func limit(r config.Rate) xdp.Limit {
	return xdp.Limit{Packets: r.Events, Per: r.Per, Burst: r.Burst}
}

func meters(s *config.Shield) (m xdp.Meters) {
	if s.SourceRate.Events > 0 {
		m = xdp.Meters{Source: xdp.Drop, Limit: limit(s.SourceRate)}
	}
	if m.Source == xdp.Drop && s.SourceWatch {
		m.Source = xdp.Watch
	}
	m.Opening, m.Pings, m.Fragments = limit(s.OpenRate), limit(s.PingRate), limit(s.FragmentRate)
	if m.Crowd = xdp.Drop; s.CrowdWatch {
		m.Crowd = xdp.Watch
	}
	switch s.Reflection {
	case "watch":
		m.Unasked = xdp.Watch
	case "drop":
		m.Unasked = xdp.Drop
	}
	return m
}

// openKernel opens what the configuration asks for. What cannot be had is an error, but
// with auto: then it goes on with the others, or in process.
func (e *estate) openKernel(ctx context.Context) error {
	s := &e.cfg.Shield
	for _, name := range places(s) {
		var k kernel
		var err error
		if s.Socket != "" {
			k = e.dialShield(name)
			err = k.Guard(ctx, e.list.guarded())
		} else {
			k, err = openPlace(ctx, name, s, e.list.protectedPrefix, e.list.guarded())
			e.driver = stageIn(e.driver, k)
			e.deny.hold(k)
		}
		switch {
		case err == nil, s.Socket != "" && s.Kernel == kernelAuto: // it is used when it comes
			e.kernels = append(e.kernels, k)
		case s.Kernel == kernelAuto:
			e.log.Warn("not enforced there", "enforcer", name, "err", err)
		default:
			return err
		}
	}
	return nil
}

// enforcers are the places of enforcement, the one that knows everything first.
func (e *estate) enforcers() []enforce.Enforcer {
	out := []enforce.Enforcer{e.session}
	for _, k := range e.kernels {
		out = append(out, k)
	}
	return out
}

// guard keeps the kernel's own lists of whom it must never drop up to date.
func (e *estate) guard(ctx context.Context) error {
	var errs []error
	for _, k := range e.kernels {
		errs = append(errs, k.Guard(ctx, e.list.guarded()))
	}
	if k, ok := e.stages.place.(*stageKernel); ok { // the shield guards its own
		errs = append(errs, k.Guard(ctx, e.list.guarded()))
	}
	return errors.Join(errs...)
}

func (e *estate) kernelStats() (out []haechi.Counter) {
	if len(e.kernels) == 0 {
		return nil
	}
	drift := make(map[string]uint64)
	for _, s := range e.reconciler.Status() {
		drift[s.Name] = s.Drift
	}
	for _, k := range e.kernels {
		out = append(append(out, k.Stats()...), haechi.Counter{Name: k.Name() + "_drift", Value: drift[k.Name()]})
	}
	return append(out, haechi.Counter{Name: "kernel_failed", Value: e.force.Failed()})
}

// enforcerStatus is what each enforcer has, why one in the kernel is not used, and why it
// is not the better one.
func (e *estate) enforcerStatus(ctx context.Context) []haechi.EnforcerStatus {
	out := e.reconciler.Status()
	used := make(map[string]bool)
	for i := range out {
		used[out[i].Name] = true
		if out[i].Note == "" {
			out[i].Able = haechi.AbleYes
		}
	}
	for _, k := range e.kernels {
		if x, ok := k.(*xdp.Enforcer); ok && len(x.Generic()) > 0 {
			note(out, k.Name(), "behind the driver on "+strings.Join(x.Generic(), ", ")+": the driver has no place for it")
		}
	}
	if !used[kernelXDP] {
		out = append(out, unusedXDP(&e.cfg.Shield))
	}
	if !used[kernelNFT] {
		out = append(out, unusedNFT(ctx, e.cfg.Shield.Kernel))
	}
	return out
}

func note(all []haechi.EnforcerStatus, name, text string) {
	for i := range all {
		if all[i].Name == name && all[i].Note == "" {
			all[i].Note = text
		}
	}
}

// unusedXDP says why the program on interfaces is not used, and whether it could be.
func unusedXDP(cfg *config.Shield) haechi.EnforcerStatus {
	s := haechi.EnforcerStatus{Name: kernelXDP, Unused: "xdp_off"}
	err := xdp.Probe(0, cfg.Pins, cfg.Interfaces)
	switch kind := haechi.KindOf(err); {
	case err == nil:
		s.Able = haechi.AbleYes
	case kind == haechi.Denied, kind == haechi.Unavailable:
		s.Able = haechi.AbleNo
	}
	switch {
	case xdp.Left(cfg.Pins):
		s.Unused = "xdp_left"
	case cfg.Kernel == kernelOff, cfg.Kernel == kernelNFT:
	case len(cfg.Interfaces) == 0:
		s.Unused = "xdp_unnamed"
	case haechi.KindOf(err) == haechi.Denied:
		s.Unused = "xdp_denied"
	case s.Able == haechi.AbleNo:
		s.Unused = "xdp_missing"
	default:
		s.Unused = "failed"
	}
	return s
}

// unusedNFT says why nftables is not used, and whether it could be.
func unusedNFT(ctx context.Context, setting string) haechi.EnforcerStatus {
	s := haechi.EnforcerStatus{Name: kernelNFT, Unused: "off"}
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
	case setting == kernelXDP:
		s.Unused = "xdp_alone"
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
