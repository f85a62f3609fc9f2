// Package httpgate guards HTTP services (stage 1, ingress): it routes by host,
// asks the inspector about each request, and proxies what passes.
//
// It promises that the client of a request is the peer, or what trusted proxies
// say it is; that the upstream reads that address and no header by which a client
// could claim another; that every refusal of its own carries a reference, in a
// small body and in X-Haechi-Ref, and nothing about what is inside; that one
// KindRequest event is emitted a request; and that a decision cuts a client's
// connections at once, idle and upgraded ones included. Headers, bodies, waits
// and streams are bounded; a peer that is too slow, reading or writing, is cut.
//
// Refused below this package, by net/http: a request that cannot be parsed (400, 417,
// 431, 501, 505), an HTTP/2 stream or connection that breaks the protocol. The gate ends
// TLS itself and reads along (types h1, h2): it emits an event for each, and puts a
// reference into net/http's answer, where there is one. A request whose header does not
// arrive in time is closed, and emitted as a KindClose event.
//
// A client behind a trusted proxy is cut request by request: the connection
// belongs to the proxy and stays. Upgrades other than to WebSocket are not
// passed on, since what goes through them cannot be judged. The frames of a WebSocket are
// held to RFC 6455 and to the site's bounds (type upgraded); what they carry is not read.
//
// A gate hands over to the next one at a reload: its connections stay, and what is
// asked on them from then on the next gate answers.
//
// Plain HTTP/1.1 is served by lanes (type lane), which read nothing that has two
// readings, and which a loop runs (type ride) as long as they need not wait; everything
// else is net/http's. Both are judged by the same code, which sees
// a request as asked. FuzzCompose holds what a lane sends to one request of the meaning
// that net/http reads.
//
// HTTP/3 comes by ServeStreams, on connections that read their streams by themselves and
// tell what never became a request (type multi). They are sessions like all others, and
// their requests go to the same handler.
//
// Requests without a body to a plain HTTP upstream take a faster way than
// http.Transport (type upstream); FuzzAnswer holds both ways to the same reading.
//
// A body that an inspector wants to judge is held, within bounds, until it has; then
// the upstream is sent what was held and what is left, and nothing else.
//
// An answer that an inspector wants to judge is held, in enforce, until its beginning was
// judged, by length and by time; in shadow it passes and is judged at its end.
//
// It never judges, decides or records, and looks into no body.
package httpgate
