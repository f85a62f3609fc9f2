package haechi

import "time"

// MaxClaimParts bounds the signed fields of a [Claim].
const MaxClaimParts = 24

// Claim is what a device offers as proof of one frame. Its slices alias the
// frame and are valid only during the call they are passed to.
type Claim struct {
	Device  string // the device key it claims, see [DeviceKey]
	Session uint64 // the connection, for the replay rule
	// Scheme says how the parts are signed; nil: joined by "|", the salt last, as
	// HMAC-SHA256 in lower-case hex, the timestamp in Unix milliseconds.
	Scheme *Scheme
	// Parts[:N] are all the signed fields, decoded, the timestamp among them, without
	// the salt; in signing order unless the scheme orders them. A claim with a part that
	// its order does not take is refused, see [SignString.Takes].
	Parts [MaxClaimParts][]byte
	N     int
	// KeyID names the key that must have signed; empty: any valid one.
	KeyID []byte
	// Timestamp is the timestamp as it is written: one of the Parts. A claim whose
	// timestamp is not signed is refused.
	Timestamp []byte
	Signature []byte // as received
	Frame     []byte // the whole frame, to tell an honest resend from a graft
	// Live marks the answer to a liveness check. It must have been signed since the
	// gateway started: an older one may be a capture that nobody remembers any more.
	Live bool
	// Bound is a second signature of the same frame that covers all of it, nil if
	// there is none. Both must be right, by one key, and the replay memory keeps the
	// second. Only Scheme, Parts, N, KeyID, Timestamp and Signature of it count.
	Bound *Claim
	// Keys, if not nil, are tried in place of the device's own: those of the enrolment
	// codes that a device may bring which is not approved yet. One of them is named in
	// [Proof.KeyID] then.
	Keys []Key
}

// Proof is the answer to a [Claim]. The zero value proves it.
type Proof struct {
	// Reason is empty when the claim is proved.
	Reason Reason
	// Duplicate marks what proves nothing new: an honest resend of the very same
	// frame, or a Live claim from before the gateway started. Drop it, count it, do
	// not punish. It is set only on a proved claim.
	Duplicate bool
	// KeyID names the key that verified.
	KeyID string
	// Skew is the device's clock minus ours.
	Skew time.Duration
	// Observed and Threshold complete a refusal's explanation, for example skew
	// in seconds against the accepted window.
	Observed, Threshold float64
}
