// Package quicinitial opens the first packets of a QUIC client, which everybody on the
// path can read: their keys follow from the connection's own number (RFC 9001 section 5,
// RFC 9369 for version 2, and the drafts 23 to 32). It also joins the pieces of the
// handshake in their CRYPTO frames. A brick.
//
// It promises to survive any bytes, and bounded memory: at most [MostPieces] gaps and as
// many bytes as the caller's buffer has. It opens no packet that needs a secret, and
// sends nothing.
package quicinitial
