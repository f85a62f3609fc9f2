// Package acme keeps certificates of a certificate authority that speaks ACME
// (RFC 8555) for the names of the configuration (stage 1, ingress): it asks for them,
// proves the names over http-01, tls-alpn-01 or a command of the operator's for dns-01,
// and renews them in time, by certmagic.
//
// It promises that nothing is asked for a name that is not configured, that the
// certificate in use stays until the next one is on the disk, that a failure is told
// and tried again with pauses that grow, and that what it keeps outlives a restart. A
// gate reads the files as it reads those of an operator.
//
// It never agrees to the authority's terms unless it was told to, never asks during a
// handshake, never listens while the gate holds the address, and never logs a key.
package acme
