// Package console is the gateway's pages for its operators (stage 7): login,
// overview, live stream, devices, decisions, why, and what keeps the gateway
// itself in view. It listens nowhere: the caller serves it over TLS on a
// listener of its own, and mounts the JSON interface behind its sessions.
//
// It promises that nothing but the login pages and the assets is served without
// a session; that a change comes from a page of its own origin; that a password
// is kept as argon2id only and a session as a hash of its token; that no page
// holds inline script or style; and that text chosen by a peer reaches a browser
// as text. Its session table, its streams, its login attempts and its password
// hashes under way are bounded.
//
// It never decides, enforces or stores events: it asks the control interfaces
// declared in ports.go, which the command line reaches through the same control.
package console
