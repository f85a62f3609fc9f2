package haechi

import "time"

// DeviceStatus is a device's place in its life cycle. Only an administrator
// moves a device out of Pending.
type DeviceStatus uint8

// The statuses, named as in kb_bot_devices. Only Approved may converse.
const (
	Pending DeviceStatus = iota
	Approved
	DeniedDevice
	Revoked
	Blocked
)

func statusNames() []string { return []string{"pending", "approved", "denied", "revoked", "blocked"} }

// String names the status.
func (s DeviceStatus) String() string { return enumText(statusNames(), s) }

// ParseDeviceStatus reads what String writes.
func ParseDeviceStatus(text string) (DeviceStatus, error) {
	return parseEnum[DeviceStatus]("device status", statusNames(), text)
}

// MarshalText implements encoding.TextMarshaler.
func (s DeviceStatus) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *DeviceStatus) UnmarshalText(b []byte) (err error) {
	*s, err = ParseDeviceStatus(string(b))
	return err
}

// Device is one registered device. It never holds key material.
type Device struct {
	Key     string       `json:"device.id"` // see [DeviceKey]
	Bot     string       `json:"haechi.bot"`
	Serial  string       `json:"device.serial_number"` // the deviceID half of the key
	Service string       `json:"service.name"`
	Status  DeviceStatus `json:"haechi.status"`
	// Reason, By and ChangedAt belong to the last change of status.
	Reason    string    `json:"event.reason,omitempty"`
	By        string    `json:"user.name,omitempty"`
	ChangedAt time.Time `json:"haechi.changed,omitzero"`
	// ClientType and Version are what the device says of itself.
	ClientType string    `json:"haechi.client_type,omitempty"`
	Version    string    `json:"device.version,omitempty"`
	Addr       string    `json:"source.ip,omitempty"` // last address, for display
	FirstSeen  time.Time `json:"event.created"`
	LastSeen   time.Time `json:"haechi.last_seen,omitzero"`
	LastPing   time.Time `json:"haechi.last_ping,omitzero"` // last signed answer to a ping
	Label      string    `json:"haechi.label,omitempty"`    // an operator's name for it, for display
	// UUID is the signed identity that the device is pinned to; empty: not pinned yet.
	UUID string    `json:"device.uuid,omitempty"`
	Skew ClockSkew `json:"haechi.skew,omitzero"`
	Keys []KeyInfo `json:"haechi.keys,omitempty"`
	// Source names the outer registry that governs the device; empty: Haechi's own
	// alone. There is what stands there, Veto what an operator of Haechi has set
	// against the device (Pending: nothing). Status follows from both.
	Source string       `json:"haechi.source,omitempty"`
	There  string       `json:"haechi.source_status,omitempty"`
	Veto   DeviceStatus `json:"haechi.veto,omitzero"`
	// MaxFrame bounds its frames in bytes; 0: as the service says.
	MaxFrame int `json:"haechi.max_frame,omitempty"`
}

// ClockSkew is how far a device's clock is from ours, by the times it signed: its
// clock minus ours, in nanoseconds. A frame that waited before it was sent looks
// late by as much.
type ClockSkew struct {
	Last time.Duration `json:"last"`
	Min  time.Duration `json:"min"` // of about a day
	Max  time.Duration `json:"max"`
	At   time.Time     `json:"at"` // of Last; zero: it never signed anything
}

// KeyInfo describes a device key without its secret.
type KeyInfo struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Until   time.Time `json:"until,omitzero"` // zero: no end
	LastUse time.Time `json:"last_use,omitzero"`
	Code    string    `json:"code,omitempty"` // id of the enrolment code it came with
}
