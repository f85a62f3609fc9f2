package telemetry

import "haechi"

// reasons are the values of the label reason: the whole closed vocabulary.
func reasons() []haechi.Reason {
	return []haechi.Reason{
		haechi.ReasonHMACFailed,
		haechi.ReasonUnauthorized,
		haechi.ReasonPending,
		haechi.ReasonRateLimit,
		haechi.ReasonAuthMissing,
		haechi.ReasonNoKey,
		haechi.ReasonIdentity,
		haechi.ReasonTimestamp,
		haechi.ReasonReplay,
		haechi.ReasonNonceFull,
		haechi.ReasonDuplicateKey,
		haechi.ReasonMalformed,
		haechi.ReasonEncoding,
		haechi.ReasonOversize,
		haechi.ReasonHandshake,
		haechi.ReasonLiveness,
		haechi.ReasonSuperseded,
		haechi.ReasonStatusChanged,
		haechi.ReasonKeyChanged,
		haechi.ReasonUpstreamDown,
		haechi.ReasonUpstreamKey,
		haechi.ReasonUpstreamClosed,
		haechi.ReasonPeerClosed,
		haechi.ReasonTimeout,
		haechi.ReasonPendingFull,
		haechi.ReasonDuplicateFrame,
		haechi.ReasonEarlyOverflow,
		haechi.ReasonBackpressure,
		haechi.ReasonConnectionLimit,
		haechi.ReasonDecision,
		haechi.ReasonUnknownHost,
		haechi.ReasonProxyHeader,
		haechi.ReasonAccess,
		haechi.ReasonShutdown,
		haechi.ReasonOverload,
		haechi.ReasonLogin,
		haechi.ReasonCSP,
		haechi.ReasonInternal,
	}
}
