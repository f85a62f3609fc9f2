package httpgate

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/pagescan"
)

// Rule ids of what pages of a site do that they should not.
const (
	RuleMixed      = "page/mixed-content" // served over TLS, it loads what acts, or sends, without
	RuleMixedImage = "page/mixed-image"   // served over TLS, it loads images and the like without
	RulePlainLogin = "page/plain-login"   // served without TLS, it asks for a password
)

// Pages are looked at, not every answer: each once an hour, its beginning.
const (
	lookAgain   = time.Hour
	maxLook     = 64 << 10 // bytes of a page
	maxPages    = 1024     // known at once, a gate
	maxLooks    = 16       // pages looked at at once, a gate
	forgetEvery = time.Minute
)

// pageKey names a page. Its texts are bounded.
type pageKey struct {
	service, host, path string
	secure              bool
}

// pages are those that were looked at within the last hour.
type pages struct {
	now atomic.Int32 // being looked at

	mu     sync.Mutex
	seen   map[pageKey]time.Time
	forgot time.Time // when it last made room
}

// due reports whether a page is to be looked at, and notes that it is, if asked to.
func (p *pages) due(k pageKey, now time.Time, take bool) (due, full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, known := p.seen[k]
	if known && now.Sub(at) < lookAgain {
		return false, false
	}
	if !known && len(p.seen) >= maxPages && !p.makeRoom(now) {
		return false, true
	}
	if take {
		if p.seen == nil {
			p.seen = make(map[pageKey]time.Time)
		}
		k.host, k.path = strings.Clone(k.host), strings.Clone(k.path)
		p.seen[k] = now
	}
	return true, false
}

// makeRoom forgets pages that may be looked at again. It is done seldom, since it
// goes through all of them.
func (p *pages) makeRoom(now time.Time) bool {
	if now.Sub(p.forgot) < forgetEvery {
		return false
	}
	p.forgot = now
	for k, at := range p.seen {
		if now.Sub(at) >= lookAgain {
			delete(p.seen, k)
		}
	}
	return len(p.seen) < maxPages
}

// look is a page being looked at: its beginning, as the client gets it.
type look struct {
	key      pageKey
	page     []byte
	upgrades bool // the answer's own policy has browsers ask over TLS
}

// take keeps what still belongs to the beginning.
func (l *look) take(p []byte) {
	l.page = append(l.page, p[:min(len(p), maxLook-len(l.page))]...)
}

func (x *exchange) pageKey() pageKey {
	return pageKey{x.site.service, bounded(plainHost(x.in.host), maxText), bounded(x.in.path, maxText), x.secure()}
}

// looksAt reports whether an answer of HTML is a page that is to be looked at.
func (x *exchange) looksAt(status int, take bool) bool {
	switch {
	case x.site.protection == nil, x.in.method == http.MethodHead, x.g.pages.now.Load() >= maxLooks,
		status != http.StatusOK && status != http.StatusUnauthorized && status != http.StatusForbidden:
		return false
	}
	due, full := x.g.pages.due(x.pageKey(), x.g.deps.Now(), take)
	if full {
		x.g.counts.pagesPassed.Add(1)
	}
	return due
}

// lookAt begins to look at an answer if it is a page whose turn it is.
func (x *exchange) lookAt(res *http.Response) {
	if !isHTML(res.Header) || !uncoded(res.Header.Get("Content-Encoding")) || !x.looksAt(res.StatusCode, true) {
		return
	}
	x.g.pages.now.Add(1)
	x.look = &look{key: x.pageKey()}
	for _, policy := range res.Header["Content-Security-Policy"] {
		if strings.Contains(strings.ToLower(policy), "upgrade-insecure-requests") {
			x.look.upgrades = true
		}
	}
}

// looked tells what was found in a page, once it was sent. It concerns the site, and
// nobody who visits it.
func (x *exchange) looked() {
	l := x.look
	if l == nil {
		return
	}
	x.look = nil
	x.g.pages.now.Add(-1)
	x.g.counts.pagesLooked.Add(1)
	found := pagescan.Scan(l.page)
	switch {
	case l.key.secure && found.Insecure > 0 && !found.Upgrades && !l.upgrades:
		rule, why, severity := RuleMixedImage, haechi.ReasonMixedImage, haechi.Low
		if found.Active {
			rule, why, severity = RuleMixed, haechi.ReasonMixedContent, haechi.Medium
		}
		x.tellPage(&l.key, rule, why, severity, mixedText(found))
	case !l.key.secure && found.Password && !ownMachine(l.key.host):
		x.tellPage(&l.key, RulePlainLogin, haechi.ReasonPlainLogin, haechi.Medium, "a field for a password, without TLS")
	}
}

func mixedText(f pagescan.Found) string {
	text := f.Element + " " + bare(f.URL)
	if f.Insecure > 1 {
		text += ", " + strconv.Itoa(f.Insecure-1) + " more"
	}
	return text
}

func (x *exchange) tellPage(k *pageKey, rule string, why haechi.Reason, severity haechi.Severity, text string) {
	now := x.g.deps.Now()
	x.g.deps.Sink.Emit(&haechi.Event{Time: now.UTC(), Kind: haechi.KindSystem, Outcome: haechi.Failure, Severity: severity, Service: k.service,
		Reason: why, Rule: rule, Ref: haechi.NewReference(rule, k.service+" "+k.host+k.path, now),
		Host: tidy(k.host), Path: tidy(k.path), TLS: k.secure, Text: text})
}

// ownMachine reports whether the visitor's machine is the server's, where browsers ask
// for no TLS.
func ownMachine(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host == "::1" || strings.HasPrefix(host, "127.")
}

// uncoded reports whether a body can be read as it comes (RFC 9110, 8.4).
func uncoded(coding string) bool { return coding == "" || strings.EqualFold(coding, "identity") }
