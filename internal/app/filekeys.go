package app

import (
	"sync"
	"time"

	"haechi"
	"haechi/internal/identity/botkeys"
	"haechi/internal/identity/devices"
)

// fileKeys are the keys of a service's file. They are in force for approved devices
// only, and none is once the registry has closed: the file knows nothing of that.
//
// Where the profile's keys are those of each device, the file is for a fleet that
// still shares one: a device's own keys come first, and the file's count beside them
// until they end, so that a phone can be changed while it is in use.
type fileKeys struct {
	*botkeys.Ring
	registry *devices.Registry
	own      bool

	mu   sync.RWMutex
	both map[string]*joined // by device; as many as have keys of their own
}

// joined is a device's own keys with the file's, as they were when they were joined.
type joined struct{ own, file, all []haechi.Key }

// Keys implements [signature.Keys]. It allocates when a device's keys change.
func (f *fileKeys) Keys(device string, now time.Time) []haechi.Key {
	if !f.registry.Approved(device, now) {
		return nil
	}
	file := f.Ring.Keys(device, now)
	if !f.own {
		return file
	}
	own := f.registry.Keys(device, now)
	switch {
	case len(own) == 0:
		return file
	case len(file) == 0:
		return own
	}
	f.mu.RLock()
	j := f.both[device]
	f.mu.RUnlock()
	if j == nil || !same(j.own, own) || !same(j.file, file) {
		j = f.join(device, own, file)
	}
	return j.all
}

func (f *fileKeys) join(device string, own, file []haechi.Key) *joined {
	j := &joined{own: own, file: file, all: append(append(make([]haechi.Key, 0, len(own)+len(file)), own...), file...)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.both == nil {
		f.both = map[string]*joined{}
	}
	f.both[device] = j
	return j
}

// same reports whether both are the same keys in memory: a change makes new ones.
func same(a, b []haechi.Key) bool { return len(a) == len(b) && &a[0] == &b[0] }
