package httpgate

import (
	"net/http"
	"strconv"
	"strings"
)

// proofPath begins the path of every such answer (RFC 8555, section 8.3).
const proofPath = "/.well-known/acme-challenge/"

// isProof finds the answer to a certificate authority that wants a proof of the site's
// name (RFC 8555, section 8.3). It is given to whoever asks, and asked of no inspector:
// the authority asks from addresses that nobody knows, and the answer is no secret.
func (x *exchange) isProof() (found bool) {
	if x.site == nil || x.g.deps.Challenge == nil || x.in.method != http.MethodGet || !strings.HasPrefix(x.in.path, proofPath) {
		return false
	}
	x.proof, found = x.g.deps.Challenge(plainHost(x.in.host), x.in.path)
	return found
}

// prove answers the authority.
func (x *exchange) prove() {
	h := x.w.Header()
	h["Content-Type"] = []string{"application/octet-stream"}
	h["Content-Length"] = []string{strconv.Itoa(len(x.proof))}
	x.WriteHeader(http.StatusOK)
	_, _ = x.Write([]byte(x.proof)) // who asked and does not read gets no certificate, and that is told
}
