// Package ja4 names what a TLS client looks like by its hello: JA4, the BSD-licensed
// TLS client fingerprint of FoxIO (the rest of JA4+ is under another licence and not
// here). A brick.
//
// It promises the value that the specification gives for the same hello, whatever the
// order of its suites and extensions, and GREASE (RFC 8701) left out. It works on
// lists of code points and never on bytes of the wire; only a Printer keeps anything, the
// lists of 64 hellos.
package ja4
