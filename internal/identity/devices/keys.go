package devices

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"haechi"
)

const (
	maxKeys     = 2
	secretBytes = 32
	saltBytes   = 16
)

// NewKey makes a key for a device, durably, and returns its secret: the only
// time it is shown. Secret and salt are text, and the text's bytes are what the
// HMAC is made with, because client scripts hold them as strings. The key before
// it ends after KeyOverlap, and one still older at once, so that at most two are
// valid. Errors: NotFound, or the store's, in which case the keys are as before.
func (r *Registry) NewKey(ctx context.Context, device string, now time.Time) (haechi.NewKey, error) {
	r.admin.Lock()
	defer r.admin.Unlock()
	e := r.entry(device)
	if e == nil {
		return haechi.NewKey{}, notFound("make a device key", device)
	}
	k := haechi.Key{ID: "k" + strconv.Itoa(int(e.made)+1), Created: now,
		Secret: randomText(secretBytes), Salt: randomText(saltBytes)}
	keep, drop := rotate(e.all, k, now, r.cfg.KeyOverlap)
	if err := r.ask(func() error { return r.writeKeys(ctx, e, keep, drop) }); err != nil {
		return haechi.NewKey{}, fmt.Errorf("make a key for device %q: %w", device, err)
	}
	e.made++
	r.rekey(e, keep, now)
	return haechi.NewKey{Device: device, Secret: string(k.Secret), Salt: string(k.Salt),
		KeyInfo: haechi.KeyInfo{ID: k.ID, Created: now}}, nil
}

// rotate puts a new key in front. The newest valid one stays for the overlap, or
// for what it has left if that is less; all others go.
func rotate(keys []haechi.Key, k haechi.Key, now time.Time, overlap time.Duration) (keep, drop []haechi.Key) {
	keep = []haechi.Key{k}
	for _, old := range keys {
		if len(keep) == maxKeys || !old.Valid(now) {
			drop = append(drop, old)
			continue
		}
		if end := now.Add(overlap); old.Until.IsZero() || end.Before(old.Until) {
			old.Until = end
		}
		keep = append(keep, old)
	}
	return keep, drop
}

// writeKeys saves the device if the store has never seen it, then what is kept,
// newest first, then deletes the rest. A failure on the way takes the new key
// back as far as it can: nobody has seen its secret.
func (r *Registry) writeKeys(ctx context.Context, e *entry, keep, drop []haechi.Key) error {
	if d := e.snapshot(); r.isUnsaved(e) {
		if err := r.store.SaveDevice(ctx, &d); err != nil {
			return err
		}
	}
	device := e.dev.Key
	for i := range keep {
		if err := r.store.SaveKey(ctx, device, &keep[i]); err != nil {
			ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.StoreTimeout)
			defer stop()
			if undo := r.store.DeleteKey(ctx, device, keep[0].ID); ignoreMissing(undo) != nil {
				r.cfg.Log.Warn("a device key that was never shown stays in the store", "device", device, "key", keep[0].ID)
			}
			return err
		}
	}
	r.dropKeys(ctx, device, drop)
	return nil
}

// dropKeys deletes keys that have ended. The newest two count when the registry
// loads, so a failure here harms nothing; it must not make the new key look as if
// it had failed.
func (r *Registry) dropKeys(ctx context.Context, device string, drop []haechi.Key) {
	for _, k := range drop {
		if err := r.store.DeleteKey(ctx, device, k.ID); ignoreMissing(err) != nil {
			r.cfg.Log.Warn("an ended device key stays in the store", "device", device, "key", k.ID, "err", err)
		}
	}
}

func (r *Registry) isUnsaved(e *entry) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.unsaved
}

// rekey makes written keys visible and tells OnChange.
func (r *Registry) rekey(e *entry, keys []haechi.Key, now time.Time) {
	before := e.view()
	after := e.publish(func(*haechi.Device) { e.unsaved, e.savedAt = false, now }, keys)
	r.cfg.OnChange(before, after)
}

// RetireKey ends a key at once, durably. Errors: NotFound, or the store's.
func (r *Registry) RetireKey(ctx context.Context, device, id string) error {
	r.admin.Lock()
	defer r.admin.Unlock()
	e := r.entry(device)
	if e == nil {
		return notFound("retire a device key", device)
	}
	at := slices.IndexFunc(e.all, func(k haechi.Key) bool { return k.ID == id })
	if at < 0 {
		return &haechi.Error{Kind: haechi.NotFound, Op: "retire a device key",
			Msg: fmt.Sprintf("device %q has no key %q", device, id), Hint: "haechi devices lists the keys"}
	}
	if err := r.ask(func() error { return ignoreMissing(r.store.DeleteKey(ctx, device, id)) }); err != nil {
		return fmt.Errorf("retire key %q of device %q: %w", id, device, err)
	}
	r.rekey(e, slices.Delete(slices.Clone(e.all), at, at+1), r.cfg.Now())
	return nil
}

// randomText is n random bytes as base64url without padding.
func randomText(n int) haechi.Secret {
	raw := make([]byte, n)
	rand.Read(raw) // never fails: the program ends if the system has no randomness
	return haechi.Secret(base64.RawURLEncoding.AppendEncode(nil, raw))
}

// keyNumber reads the number of an id like k12, 0 for any other.
func keyNumber(id string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(id, "k"))
	if err != nil || !strings.HasPrefix(id, "k") || n < 0 {
		return 0
	}
	return n
}
