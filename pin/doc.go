// Package pin lets a Go client accept only servers whose public key it knows: the
// SHA-256 of the certificate's SubjectPublicKeyInfo, as RFC 7469 defines a pin
// (rows B31, B32, B132; flaw F61). It is public and belongs to no stage.
//
// It promises that
//   - the check is part of the handshake, so nothing is sent to a server that
//     fails it, and a resumed session is checked like a full handshake;
//   - what is compared is the chain that was verified, or without verification the
//     leaf alone: a certificate that somebody merely appended counts for nothing;
//   - a set without a backup pin is not accepted, since the loss of one key would
//     lock every client out;
//   - pins only ever add to the verification that the tls.Config asks for.
//
// A set can report only, which is how a rollout begins, and can have an end, after
// which it reports only: a client that nobody updates any more is not bricked.
//
// It never trusts what it sees first, never dials by itself, never changes the
// configuration it was given, and is not for browsers, which have no pins any more.
package pin
