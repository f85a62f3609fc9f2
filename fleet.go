package haechi

import "time"

// UnusedFilter selects approved devices that have not been heard for a while, nor
// approved since.
type UnusedFilter struct {
	For     time.Duration // at least this long
	Never   bool          // only those that were never heard since their approval
	Service string        // empty: any
}

// Unused is when a device that may converse was last good for anything: heard, or
// approved if that was later. False if it may not converse.
func (d *Device) Unused() (since time.Time, never, ok bool) {
	never = !d.LastPing.After(d.ChangedAt) && !d.LastSeen.After(d.ChangedAt)
	if since = d.LastSeen; d.ChangedAt.After(since) {
		since = d.ChangedAt
	}
	return since, never, d.Status == Approved
}

// Move is one change of a device's status, for changes of many at once.
type Move struct {
	Device string
	To     DeviceStatus
}

// Bulk is a change of many devices in one step. Entry is its audit entry, by which
// all of it can be undone.
type Bulk struct {
	Entry   uint64   `json:"event.sequence"`
	Devices []string `json:"devices"`
}

// KeyState says what a key is to its device.
type KeyState uint8

// The states. An old key is one beside which the device has a newer one.
const (
	KeyCurrent KeyState = iota // the newest
	KeyInUse                   // old, and the device still signs with it
	KeyLeft                    // old, and the device has signed with a newer one since
	KeySilent                  // old, and the device has not signed since it got the newer one
)

func keyStateNames() []string { return []string{"current", "in_use", "left", "silent"} }

// String names the state.
func (s KeyState) String() string { return enumText(keyStateNames(), s) }

// MarshalText implements encoding.TextMarshaler.
func (s KeyState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *KeyState) UnmarshalText(b []byte) (err error) {
	*s, err = parseEnum[KeyState]("key state", keyStateNames(), string(b))
	return err
}

// KeyUse is one key that an approved device may sign with.
type KeyUse struct {
	KeyInfo
	Device string   `json:"device.id"`
	Label  string   `json:"haechi.label,omitempty"`
	State  KeyState `json:"state"`
	// Shared says that other devices have the same key, of one enrolment code.
	Shared bool `json:"shared,omitempty"`
}

// KeyReport says which device signs with which key.
type KeyReport struct {
	Keys []KeyUse `json:"items"`
	// Devices may sign; of these InUse still sign with an old key, Silent have one
	// and have not signed since they got the newer one, and Shared have a key that
	// others have too.
	Devices int `json:"devices"`
	InUse   int `json:"in_use"`
	Silent  int `json:"silent"`
	Shared  int `json:"shared"`
}
