// Package tlsterm terminates TLS for the gates and the console (stage 1,
// ingress): certificates from files, from an authority (package acme), or from a
// small development CA that it keeps in the state folder.
//
// It promises TLS 1.2 or newer with Go's defaults (hybrid X25519MLKEM768 key
// exchange, forward secrecy only), HTTP/2 by ALPN, and that a client which names
// a host that nobody serves gets no certificate: the handshake ends with
// unrecognized_name, so a scan of addresses learns no names. Renewed files and
// certificates are taken over without a restart, and a defective renewal leaves
// the running certificate in place. A session is resumed only under the certificate
// that it was opened under, for a day at most. An OCSP answer is stapled where the
// certificate names a responder, and never one that is over or of somebody else.
// It says what is wrong with a certificate of ours. Where clients are asked for
// certificates, a session is not resumed after what those are judged by has changed.
//
// It never logs or returns key material, and never replaces a CA that exists.
package tlsterm
