package seclog

import "haechi"

// proved is said of a peer that proved an identity: what it does is a matter of that
// identity, and nothing against the address that it shares.
const proved = "Proved client refused"

// phraseOf is what the line says, or empty for what no reader of the log should count.
// The first three are those of the documents' filter (row A47).
func phraseOf(e *haechi.Event) string {
	phrase := gatePhrase(e)
	if phrase != "" && e.Assurance == haechi.Authenticated {
		return proved
	}
	return phrase
}

// gatePhrase tells what failed. Left out is what is nobody's fault (the server behind, a
// restart, a deadline) and what follows from a decision: a jail that counted that would
// prolong its own ban.
func gatePhrase(e *haechi.Event) string {
	switch e.Reason {
	case haechi.ReasonHMACFailed:
		return "HMAC verification failed"
	case haechi.ReasonUnauthorized:
		if e.Kind == haechi.KindRequest {
			return "Login failed"
		}
		return "Unauthorized bot attempt"
	case haechi.ReasonRateLimit:
		return "Rate limit exceeded"
	case haechi.ReasonPending, haechi.ReasonPendingFull:
		return "Pending device attempt"
	case haechi.ReasonLogin:
		return "Console login failed"
	case haechi.ReasonConnectionLimit:
		return "Connection limit exceeded"
	case haechi.ReasonAccess:
		return "Access refused"
	case haechi.ReasonWAF:
		return "Request blocked"
	case haechi.ReasonUnknownHost:
		return "Unknown host asked for"
	case haechi.ReasonProxyHeader:
		return "PROXY header refused"
	}
	return proofPhrase(e.Reason)
}

// proofPhrase tells which proof of a device failed, or which form its frames lacked.
func proofPhrase(r haechi.Reason) string {
	switch r {
	case haechi.ReasonAuthMissing:
		return "Signature missing"
	case haechi.ReasonNoKey:
		return "Device without a key"
	case haechi.ReasonIdentity:
		return "Identities differ"
	case haechi.ReasonReplay:
		return "Replay refused"
	case haechi.ReasonTimestamp:
		return "Timestamp refused"
	case haechi.ReasonHandshake:
		return "Handshake failed"
	case haechi.ReasonFlood:
		return "Flood of frames refused"
	case haechi.ReasonMalformed, haechi.ReasonEncoding, haechi.ReasonDuplicateKey, haechi.ReasonOversize, haechi.ReasonEarlyOverflow:
		return "Malformed input refused"
	}
	return ""
}
