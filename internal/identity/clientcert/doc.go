// Package clientcert says who a TLS client is by the certificate that it shows (stage 2,
// identity): issued by one of the authorities of a file, in time, and on none of their
// lists of revoked certificates (RFC 5280).
//
// It promises that both files are taken over when they change, and that a defective one
// leaves what counts in place; that where lists are configured a certificate passes only
// while every authority above it has a list that is not over; and that whoever holds a
// connection hears at once when what counts now refuses its certificate, or when that
// certificate ends. The name of a client is the first URI of its certificate, else its
// first DNS name, mail address or common name.
//
// It never speaks TLS: that the client has the key is what the handshake shows. It never
// asks the network for lists or answers.
package clientcert
