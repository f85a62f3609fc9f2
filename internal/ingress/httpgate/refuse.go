package httpgate

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"haechi"
)

// Rule ids of the refusals that the gate makes itself.
const (
	RuleUnknownHost = "http/unknown-host"
	RuleMethod      = "http/method"
	RuleBody        = "http/body-size"
	RuleReport      = "http/csp-report"
	RuleSlowBody    = "http/body-rate"
	RuleSlowRead    = "http/read-rate"
	RuleRange       = "http/range"
	RuleBadBody     = "http/body"
	RuleHeld        = "http/held"   // memory for slow clients
	RuleSilent      = "http/silent" // an upgraded connection on which nobody speaks
	RuleUpgrades    = "http/upgrades"
	RuleAllUpgrades = "http/upgrades-all"
	RuleFrame       = "http/frame" // and "-" and which fault
	RuleMessage     = "http/message-size"
	RuleMessages    = "http/message-rate"
	RuleLifetime    = "http/lifetime"
	RuleUpstream    = "http/upstream"
	RuleOverload    = "http/overload"
	RuleInFlight    = "http/client-in-flight"
	RuleInternal    = "http/internal"
)

const (
	// RefHeader is the response header that carries a refusal's reference.
	RefHeader = "X-Haechi-Ref"

	retryBusy = 5 * time.Second // the Retry-After of what has no better one

	statusClientGone = 499 // the client left before the answer; never sent
)

func statusOf(reason haechi.Reason) int {
	switch reason {
	case haechi.ReasonRateLimit, haechi.ReasonConnectionLimit:
		return http.StatusTooManyRequests
	case haechi.ReasonOverload:
		return http.StatusServiceUnavailable
	default:
		return http.StatusForbidden
	}
}

// refFor is the reference of the rule's verdict about the client.
func (x *exchange) refFor(rule string) haechi.Reference {
	scope := haechi.Scope{Kind: haechi.ScopeAddress, Prefix: x.actor.Client}
	return haechi.NewReference(rule, scope.String(), x.g.deps.Now())
}

// refuse answers instead of the upstream. A verdict without a reference gets one.
func (x *exchange) refuse(v haechi.Verdict, status int) {
	if v.Ref == "" {
		v.Ref = x.refFor(v.Rule)
	}
	x.verdict, x.refused = v, true
	x.g.counts.refused.Add(1)
	if x.in.length != 0 && x.body == nil {
		// An error means a connection that is gone.
		_ = http.NewResponseController(x.w).SetReadDeadline(x.origin.Add(x.start + time.Second))
	}
	h := x.w.Header()
	clear(h)
	h[RefHeader] = []string{string(v.Ref)}
	h["Cache-Control"] = x.g.values.noStore
	h["Content-Security-Policy"] = x.g.values.noContent
	h["X-Content-Type-Options"] = x.g.values.noSniff
	if x.site != nil && x.site.protection != nil {
		x.protect(h)
	}
	if v.Delay > 0 || status == http.StatusTooManyRequests {
		seconds := max(1, int64((v.Delay+time.Second-1)/time.Second))
		h["Retry-After"] = []string{strconv.FormatInt(seconds, 10)}
	}
	if x.direct && (status == http.StatusForbidden || status == http.StatusRequestEntityTooLarge || status == http.StatusRequestTimeout) {
		h["Connection"] = x.g.values.closing
	}
	page := x.page(h, v.Ref)
	h["Content-Length"] = []string{strconv.Itoa(len(page))}
	x.WriteHeader(status)
	if x.in.method != http.MethodHead {
		_, _ = x.Write(page) // the client may be gone; there is nobody to tell
	}
}

// page is the short body of a refusal, as HTML for those who ask for it. It says
// the reference and nothing else.
func (x *exchange) page(h http.Header, ref haechi.Reference) []byte {
	b := x.scratch[:0]
	if strings.Contains(x.in.header.first("Accept"), "text/html") {
		h["Content-Type"] = x.g.values.html
		b = append(b, `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">`+
			`<title>refused · 거절됨</title><h1>refused · <span lang="ko">거절됨</span></h1><p><code>`...)
		b = append(b, ref...)
		return append(b, "</code></p></html>\n"...)
	}
	h["Content-Type"] = x.g.values.text
	b = append(b, "refused · 거절됨\n"...)
	b = append(b, ref...)
	return append(b, '\n')
}
