package httpgate

import (
	"net/http"
	"strings"
)

// redirect sends a request over plain HTTP to the same place over TLS. 308 keeps
// method and body, so nothing is repeated as something else.
func (x *exchange) redirect() {
	host := plainHost(x.in.host)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	h := x.w.Header()
	h["Location"] = []string{"https://" + host + x.site.secureAt + x.target()}
	h["Content-Length"] = []string{"0"}
	if p := x.site.protection; p != nil {
		x.protect(h)
	}
	x.WriteHeader(http.StatusPermanentRedirect)
}
