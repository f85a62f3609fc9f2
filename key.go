package haechi

import (
	"fmt"
	"log/slog"
	"time"
)

// Key is one device key with its secret. At most two keys of a device are valid
// at once, so that it can be changed without an outage.
type Key struct {
	ID      string
	Secret  Secret
	Salt    Secret
	Variant string // the order that it signs in, see [SignString]; empty: the first
	Created time.Time
	Until   time.Time // zero: no end
	LastUse time.Time // as far as it was written down
	Code    string    // id of the enrolment code it came with; empty: an operator made it
}

// Valid reports whether the key may verify at the time.
func (k *Key) Valid(now time.Time) bool { return k.Until.IsZero() || now.Before(k.Until) }

// Secret is key material. Every usual way of printing or encoding it gives a
// placeholder; only an explicit conversion to []byte or string shows it.
type Secret []byte

const hidden = "[secret]"

// String hides the secret.
func (Secret) String() string { return hidden }

// Format hides the secret, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
