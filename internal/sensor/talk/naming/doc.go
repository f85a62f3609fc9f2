// Package naming understands whom somebody asks for: DNS lookups, and the client hellos of
// TLS and QUIC with server name and JA4. A child of sensor/talk in stage 1.
//
// It promises to survive any bytes and to read names that no resolver would. It opens no
// packet that needs a secret.
package naming
