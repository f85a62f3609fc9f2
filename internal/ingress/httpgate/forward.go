package httpgate

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"

	"haechi"
)

// headerValues are header values made once. They are shared between requests and
// never changed.
type headerValues struct {
	proto, text, html, noStore, noContent, noSniff, closing []string
}

func newHeaderValues(secure bool) headerValues {
	proto := "http"
	if secure {
		proto = "https"
	}
	return headerValues{
		proto:     []string{proto},
		text:      []string{"text/plain; charset=utf-8"},
		html:      []string{"text/html; charset=utf-8"},
		noStore:   []string{"no-store"},
		noContent: []string{"default-src 'none'; frame-ancestors 'none'"},
		noSniff:   []string{"nosniff"},
		closing:   []string{"close"},
	}
}

// rewrite makes the upstream's request. httputil has taken the hop-by-hop headers
// and the forwarding headers out; what is set here the client cannot take away.
func (x *exchange) rewrite(pr *httputil.ProxyRequest) {
	out := pr.Out
	out.URL.Scheme, out.URL.Host = x.site.scheme, x.site.host
	h := out.Header
	for name := range h {
		if claimsClient(name) && !(x.trusted && strings.HasPrefix(name, "X-Forwarded-")) {
			delete(h, name)
		}
	}
	if up, ok := h["Upgrade"]; ok && (pr.In.ProtoMajor != 1 || !strings.EqualFold(up[0], "websocket")) {
		delete(h, "Upgrade")
		delete(h, "Connection")
	}
	if x.noRange {
		delete(h, "Range")
		delete(h, "If-Range")
	}
	if x.bodyHere {
		delete(h, "Expect") // RFC 9110 10.1.1: the gateway has asked for the body
	}
	if x.most > 0 {
		h["Accept-Encoding"] = []string{x.offered()}
	}
	x.setForwarded(h)
	x.passCertificate(h)
	x.offerNonce(out)
}

// passage is what the upstream is told of who asks, for which host and how.
type passage struct{ host, proto, chain, client string }

// passage is that of this request. Behind a trusted proxy the chain is the client
// and the proxy.
func (x *exchange) passage() passage {
	p := passage{host: x.in.host, proto: x.g.values.proto[0], chain: x.c.address[0], client: x.c.address[0]}
	if !x.direct {
		p.client = x.actor.Addr.String()
		p.chain = p.client + ", " + x.c.address[0]
	}
	if !x.trusted {
		return p
	}
	if proto := x.in.header.values("X-Forwarded-Proto"); len(proto) == 1 && (proto[0] == "http" || proto[0] == "https") {
		p.proto = proto[0]
	}
	if host := x.in.header.values("X-Forwarded-Host"); len(host) == 1 {
		p.host = host[0]
	}
	return p
}

// lines appends it to a head.
func (p passage) lines(b []byte) []byte {
	b = line(b, "X-Forwarded-For", p.chain)
	b = line(b, "X-Forwarded-Host", p.host)
	b = line(b, "X-Forwarded-Proto", p.proto)
	return line(b, "X-Real-Ip", p.client)
}

// setForwarded says so in the headers that most upstreams read.
func (x *exchange) setForwarded(h http.Header) {
	p := x.passage()
	h["X-Forwarded-Host"] = []string{p.host}
	h["X-Forwarded-Proto"] = []string{p.proto}
	h["X-Forwarded-For"] = []string{p.chain}
	h["X-Real-Ip"] = []string{p.client}
}

// answered sees the upstream's answer before the client does.
func (x *exchange) answered(res *http.Response) error {
	if res.StatusCode < http.StatusContinue {
		return errStatus // net/http would panic
	}
	if switches(res) {
		return errSwitch // httputil would answer, and leave the connection open
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		x.framing = agreed(x.in.header, res.Header)
	}
	for name := range res.Header {
		if strings.HasPrefix(name, "X-Haechi-") {
			delete(res.Header, name)
		}
	}
	x.began(res.StatusCode, res.Header.Get("Content-Type"))
	x.watchAnswer(res)
	x.ahead(res)
	if err := x.judgeAnswer(res); err != nil {
		return err
	}
	if x.site.protection != nil {
		x.protect(res.Header)
		x.usePolicy(res)
		x.lookAt(res)
	}
	x.site.cameBack(x.g.deps.Log)
	return nil
}

// cameBack notes an answer of the upstream.
func (s *site) cameBack(log *slog.Logger) {
	if s.down.Load() && s.down.CompareAndSwap(true, false) {
		log.Info("the upstream answers again", "service", s.service, "upstream", s.host)
	}
}

// failed answers when the proxy could not.
func (x *exchange) failed(_ http.ResponseWriter, _ *http.Request, err error) {
	if x.upgraded {
		return
	}
	v, status := x.failure(err)
	if status == statusClientGone {
		x.status = status
		panic(http.ErrAbortHandler) // net/http's way to end without an answer
	}
	x.refuse(v, status)
}

func (x *exchange) failure(err error) (haechi.Verdict, int) {
	v := haechi.Verdict{Action: haechi.Deny}
	switch cut := x.cutBy(); {
	case cut != nil:
		return *cut, http.StatusForbidden
	case errors.Is(err, errWithheld):
		x.upstream = true
		return x.withheld, http.StatusInternalServerError
	case errors.Is(err, errNoRoom):
		v.Reason, v.Rule, v.Delay = haechi.ReasonOverload, RuleHeld, retryBusy
		v.Observed, v.Threshold = float64(x.g.held.Load()), float64(x.g.cfg.MaxHeld)
		return v, http.StatusServiceUnavailable
	case x.body != nil && x.body.over.Load():
		v.Reason, v.Rule = haechi.ReasonOversize, RuleBody
		v.Observed, v.Threshold = float64(x.body.n.Load()), float64(x.site.maxBody)
		return v, http.StatusRequestEntityTooLarge
	case x.body != nil && x.body.slow.Load():
		v.Reason, v.Rule = haechi.ReasonTimeout, RuleSlowBody
		return v, http.StatusRequestTimeout
	case x.body != nil && x.body.bad.Load():
		v.Reason, v.Rule = haechi.ReasonMalformed, RuleBadBody
		return v, http.StatusBadRequest
	case x.left() || x.body != nil && x.body.gone.Load():
		return v, statusClientGone
	}
	x.missed(err)
	x.upstream = true
	x.g.counts.upstreamErrors.Add(1)
	if x.site.down.CompareAndSwap(false, true) { // once, not once a request
		x.g.deps.Log.Warn("the upstream does not answer", "service", x.site.service, "upstream", x.site.host, "error", err)
	}
	v.Reason, v.Rule = haechi.ReasonUpstreamDown, RuleUpstream
	if untrusted(err) {
		v.Reason = haechi.ReasonUpstreamKey
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return v, http.StatusGatewayTimeout
	}
	return v, http.StatusBadGateway
}

// untrusted reports whether the upstream's certificate or key was refused, so that
// nothing was sent to it.
func untrusted(err error) bool {
	var pinned interface{ Untrusted() bool }
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, &pinned) && pinned.Untrusted()
}
