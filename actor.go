package haechi

import (
	"net/netip"
	"strings"
)

// Assurance says how sure we are of an actor's identity.
type Assurance uint8

// The assurances, weakest first. Only Handshaken and Authenticated evidence may
// lead to a decision about a source.
const (
	Seen          Assurance = iota // a packet, or a claim nobody checked
	Handshaken                     // a completed transport handshake: the address is real
	Authenticated                  // a verified signature, certificate or login
)

func assuranceNames() []string { return []string{"seen", "handshaken", "authenticated"} }

// String names the assurance.
func (a Assurance) String() string { return enumText(assuranceNames(), a) }

// MarshalText implements encoding.TextMarshaler.
func (a Assurance) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Assurance) UnmarshalText(b []byte) (err error) {
	*a, err = parseEnum[Assurance]("assurance", assuranceNames(), string(b))
	return err
}

// Actor is who did something, as far as is known.
type Actor struct {
	// Addr is the exact peer address, unmapped: an IPv4-mapped IPv6 address is IPv4.
	Addr netip.Addr `json:"source.ip,omitzero"`
	// Client is the client key: the IPv4 /32, or the IPv6 prefix (/64 by default).
	// Limits, counters and decisions about a source use it, never Addr.
	Client netip.Prefix `json:"haechi.client,omitzero"`
	// Device is the device key, see [DeviceKey]. It is a claim unless Assurance
	// is Authenticated.
	Device string `json:"device.id,omitempty"`
	// Certificate is the SAN identity of a verified client certificate.
	Certificate string `json:"tls.client.subject,omitempty"`
	// User is an authenticated person or service account.
	User string `json:"user.name,omitempty"`
	// Fingerprint is the JA4 of the TLS client hello.
	Fingerprint string `json:"tls.client.ja4,omitempty"`
	// Country is the ISO 3166-1 alpha-2 code.
	Country string `json:"source.geo.country_iso_code,omitempty"`
	// ASN is the autonomous system number, 0 when unknown.
	ASN uint32 `json:"source.as.number,omitempty"`
	// Assurance says which of the above may be believed.
	Assurance Assurance `json:"haechi.assurance"`
	// Allowed is set at the entrance when the address is on the allow list:
	// no inspector, counter or decision touches such an actor.
	Allowed bool `json:"haechi.allowed,omitempty"`
}

// DeviceKey joins a bot name and a hardware id to the one key by which a device
// is known everywhere: "bot/id". The id must not contain a slash, which the
// gate enforces, so that the key splits again at its last slash.
func DeviceKey(bot, id string) string { return bot + "/" + id }

// SplitDeviceKey is the inverse of [DeviceKey].
func SplitDeviceKey(key string) (bot, id string, ok bool) {
	i := strings.LastIndexByte(key, '/')
	if i <= 0 || i == len(key)-1 {
		return "", "", false
	}
	return key[:i], key[i+1:], true
}
