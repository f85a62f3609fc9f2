package ingress

import (
	"context"

	"haechi"
)

// Hello is what is known of a client during a TLS handshake that is not held on a
// net.Conn of its own, as that of QUIC.
type Hello struct {
	// Actor has the assurance Seen until the client has shown that its address is its own.
	Actor           haechi.Actor
	Port, LocalPort uint16
	// Fingerprint is set by who reads the hello.
	Fingerprint string
}

type helloKey struct{}

// WithHello puts it where the handshake's configuration finds it.
func WithHello(ctx context.Context, h *Hello) context.Context {
	return context.WithValue(ctx, helloKey{}, h)
}

// HelloOf is what WithHello put there; nil without it.
func HelloOf(ctx context.Context) *Hello {
	h, _ := ctx.Value(helloKey{}).(*Hello)
	return h
}
