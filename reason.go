package haechi

// Reason is the closed vocabulary of why something failed or was refused. Rules,
// records, metrics and both languages of the console share it; no code ever
// reads the human text.
type Reason string

// Reasons of the device gate. The first three names are those of the source
// documents' log (row A47) and view (row A26).
const (
	ReasonHMACFailed      Reason = "hmac_failed"       // signature wrong
	ReasonUnauthorized    Reason = "unauthorized"      // device unknown until now, denied, revoked or blocked
	ReasonPending         Reason = "pending"           // device known and waiting for an operator; no fault of its own
	ReasonRateLimit       Reason = "rate_limit"        // a limit was exceeded
	ReasonAuthMissing     Reason = "auth_missing"      // frame without auth
	ReasonNoKey           Reason = "no_key"            // approved device without a key
	ReasonIdentity        Reason = "identity_mismatch" // handshake, auth and body name different identities
	ReasonTimestamp       Reason = "timestamp"         // outside the accepted skew
	ReasonReplay          Reason = "replay"            // same signature on another frame or connection
	ReasonNonceFull       Reason = "replay_memory"     // the replay memory is at its cap: closed
	ReasonDuplicateKey    Reason = "duplicate_key"     // two JSON names equal, or one like another or a known one but for case
	ReasonMalformed       Reason = "malformed"         // no valid frame
	ReasonEncoding        Reason = "encoding"          // invalid UTF-8, NUL
	ReasonOversize        Reason = "oversize"          // line, body or header over its limit
	ReasonHandshake       Reason = "handshake"         // no or wrong handshake
	ReasonLiveness        Reason = "liveness"          // no signed answer to the gateway's ping in time
	ReasonSuperseded      Reason = "superseded"        // a newer proved session of the same device took over
	ReasonStatusChanged   Reason = "status_changed"    // an operator changed the device's status
	ReasonKeyChanged      Reason = "key_changed"       // the device's keys changed
	ReasonUpstreamDown    Reason = "upstream_down"     // the server behind does not answer
	ReasonUpstreamClosed  Reason = "upstream_closed"   // the server behind closed the connection
	ReasonUpstreamKey     Reason = "upstream_key"      // the server behind showed a certificate or key that is not trusted
	ReasonPeerClosed      Reason = "peer_closed"       // the peer closed the connection
	ReasonTimeout         Reason = "timeout"           // a deadline passed
	ReasonPendingFull     Reason = "pending_full"      // the queue of pending devices is at its cap
	ReasonDuplicateFrame  Reason = "duplicate_frame"   // an honest resend, dropped silently
	ReasonEarlyOverflow   Reason = "early_overflow"    // too many frames before the handshake
	ReasonBackpressure    Reason = "backpressure"      // the peer does not read what it is sent
	ReasonConnectionLimit Reason = "connection_limit"  // too many connections at once
)

// Reasons of the HTTP gate and of all gates.
const (
	ReasonDecision     Reason = "decision"      // a decision in force covers the actor
	ReasonUnknownHost  Reason = "unknown_host"  // no service has that name
	ReasonProxyHeader  Reason = "proxy_header"  // PROXY header missing, wrong or from a stranger
	ReasonAccess       Reason = "access"        // the service's access list does not admit the client
	ReasonListed       Reason = "listed"        // the client is on a deny list that came as a file
	ReasonShutdown     Reason = "shutdown"      // the gateway stops or reloads
	ReasonAttack       Reason = "attack"        // the stage of an attack lets fewer in
	ReasonOverload     Reason = "overload"      // a declared bound was reached
	ReasonFlood        Reason = "flood"         // frames that only cost, more than any honest client needs
	ReasonLogin        Reason = "login"         // console login failed
	ReasonCSP          Reason = "csp_violation" // a browser says that a page broke its content security policy
	ReasonMixedContent Reason = "mixed_content" // a page over TLS loads what acts, or sends what is typed in, without
	ReasonMixedImage   Reason = "mixed_image"   // a page over TLS loads images and the like without
	ReasonPlainLogin   Reason = "plain_login"   // a page without TLS asks for a password
	ReasonTLSVersion   Reason = "tls_version"   // the client speaks no TLS version that is served
	ReasonTLSSuites    Reason = "tls_suites"    // the client offers weak cipher suites only
	ReasonTLSFallback  Reason = "tls_fallback"  // the client came again with less than it can: a downgrade
	ReasonWAF          Reason = "waf"           // rules of the WAF matched the request
	ReasonLeak         Reason = "leak"          // rules of the WAF matched what the server behind answered
	ReasonInternal     Reason = "internal"      // a defect; refused to be safe
)

// Reasons about certificates of our own (rows B119 and B120).
const (
	ReasonCertificateLate       Reason = "certificate_late"        // an authority issued no certificate
	ReasonCertificateExpiring   Reason = "certificate_expiring"    // a certificate of ours ends soon
	ReasonCertificateExpired    Reason = "certificate_expired"     // a certificate of ours is over
	ReasonCertificateSelfSigned Reason = "certificate_self_signed" // a certificate of ours is signed by itself
	ReasonCertificateDefault    Reason = "certificate_default"     // a certificate of ours is a sample or of the development CA
	ReasonCertificateWrongHost  Reason = "certificate_wrong_host"  // a certificate of ours does not name a host that is served
	ReasonCertificateWeak       Reason = "certificate_weak"        // a certificate of ours has a weak key or signature
	ReasonCertificateRevoked    Reason = "certificate_revoked"     // the authority revoked a certificate of ours
)

// Reasons about certificates of clients, and the files by which they are judged.
const (
	ReasonClientCertMissing   Reason = "client_certificate_missing"   // the client showed none where one is required
	ReasonClientCertUntrusted Reason = "client_certificate_untrusted" // of none of the authorities, or not made for clients
	ReasonClientCertExpired   Reason = "client_certificate_expired"   // over, or not begun
	ReasonClientCertRevoked   Reason = "client_certificate_revoked"   // on its authority's list
	ReasonClientCertUnchecked Reason = "client_certificate_unchecked" // its authority's list is over, or there is none
	ReasonClientCertName      Reason = "client_certificate_name"      // it names nobody
	ReasonCRLEnding           Reason = "crl_ending"                   // a list of revoked certificates is over soon
	ReasonCRLStale            Reason = "crl_stale"                    // a list of revoked certificates is over
	ReasonCRLRefused          Reason = "crl_refused"                  // a file of authorities or lists could not be taken over
)
