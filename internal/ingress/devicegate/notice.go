package devicegate

import "haechi"

// tell makes the frame of a refusal. Which check of a proof failed is not told to the
// peer; the reference tells the operator.
func (m *Machine) tell(r refusal, ref haechi.Reference) {
	l := m.gate.layout
	m.out = nil
	if l.Refusal.After == haechi.AfterSilence {
		return
	}
	code, text := told(r.reason)
	if r.detail != "" {
		text = r.detail
	}
	m.out = l.frame(l.refusal, code, text, string(ref))
}

func told(r haechi.Reason) (code, text string) {
	switch r {
	case haechi.ReasonUnauthorized, haechi.ReasonPending, haechi.ReasonStatusChanged, haechi.ReasonKeyChanged, haechi.ReasonPendingFull:
		return "UNAUTHORIZED", "This device is not approved."
	case haechi.ReasonHMACFailed, haechi.ReasonAuthMissing, haechi.ReasonNoKey, haechi.ReasonIdentity,
		haechi.ReasonTimestamp, haechi.ReasonReplay, haechi.ReasonNonceFull, haechi.ReasonLiveness:
		return "AUTH_FAILED", "Authentication failed."
	case haechi.ReasonRateLimit:
		return "RATE_LIMIT", "Rate limit exceeded."
	case haechi.ReasonDecision, haechi.ReasonAccess:
		return "DENIED", "Access is denied."
	case haechi.ReasonHandshake, haechi.ReasonEarlyOverflow:
		return "HANDSHAKE", "No valid handshake."
	case haechi.ReasonUpstreamDown, haechi.ReasonOverload, haechi.ReasonInternal:
		return "UNAVAILABLE", "The service is not available."
	case haechi.ReasonTimeout:
		return "TIMEOUT", "No valid frame for too long."
	}
	return "BAD_FRAME", "This is no valid frame."
}
