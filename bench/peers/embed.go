// Package peers holds the configurations of the servers that the side-by-side
// benchmarks compare, as templates: haechi itself, nginx, HAProxy, Caddy and a
// small asyncio server; and haechi and nginx with ModSecurity as application firewalls. It belongs to no stage.
//
// All of them do the same work: they proxy to the same upstream over connections
// that are kept, write what passed to a file, know who the client is and tell the
// upstream, and keep limits on each client's requests and connections that are on
// but lie above the offered rate. Where a peer has no such thing, its file says so.
package peers

import "embed"

// Files are the templates.
//
//go:embed *.tmpl *.py
var Files embed.FS
