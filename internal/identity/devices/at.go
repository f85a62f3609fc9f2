package devices

import (
	"net/netip"
	"time"

	"haechi"
)

// At is the registry as one service's gate has to ask it: where an outer registry
// governs the service, a device without a row there is approved by nothing.
type At struct {
	r       *Registry
	service string
}

// At returns the registry for a service.
func (r *Registry) At(service string) At { return At{r, service} }

// Lookup finds a device in memory.
func (a At) Lookup(key string) (haechi.Device, bool) {
	d, ok := a.r.Lookup(key)
	return a.judged(d), ok
}

// Register makes an unknown device pending, as [Registry.Register] does.
func (a At) Register(d haechi.Device, now time.Time) (haechi.Device, error) {
	d, err := a.r.Register(d, now)
	return a.judged(d), err
}

// Seen notes that a device showed itself.
func (a At) Seen(key string, addr netip.Addr, version string, now time.Time, ping bool) {
	e := a.r.entry(key)
	if e == nil {
		return
	}
	e.seen(addr, version, now, ping)
	if e.word.Load() != nil {
		e.home(a.service)
	}
}

// Pin holds an approved device to the identity that it signed.
func (a At) Pin(key, id string, now time.Time) bool { return a.r.Pin(key, id, now) }

// home notes where a device belongs that only the outer registry knew.
func (e *entry) home(service string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.dev.Service == "" {
		e.dev.Service = service
	}
}

// judged holds a device that belongs to another service to this one's rule.
func (a At) judged(d haechi.Device) haechi.Device {
	if d.Key != "" && d.Source == "" && a.r.outer.governs(a.service) {
		a.r.outer.none(&haechi.Device{Service: a.service}).over(&d)
	}
	return d
}
