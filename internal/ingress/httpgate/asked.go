package httpgate

import "net/http"

// asked is what a request asks for, whichever way it was read. Judging looks at
// nothing else of a request, so that every way is judged alike.
type asked struct {
	method, host, path, query string
	length                    int64 // of the body in bytes, -1 while unknown
	secure                    bool  // over TLS
	header                    header
}

// header is that of a request. Names are in canonical form.
type header interface {
	// first is the first value of the name, empty without one.
	first(name string) string
	// values are all of the name, in order. Nobody changes them.
	values(name string) []string
	// each yields every name and value until told to stop.
	each(yield func(name, value string) bool)
	// passedOn reports whether a proxy says that it asks for somebody.
	passedOn() bool
}

// read fills in what net/http understood.
func (a *asked) read(r *http.Request) {
	*a = asked{method: r.Method, host: r.Host, path: r.URL.Path, query: r.URL.RawQuery,
		length: r.ContentLength, secure: r.TLS != nil, header: mapped(r.Header)}
}

// mapped is net/http's header.
type mapped http.Header

func (h mapped) first(name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (h mapped) values(name string) []string { return h[name] }

func (h mapped) each(yield func(name, value string) bool) {
	for name, values := range h {
		for _, v := range values {
			if !yield(name, v) {
				return
			}
		}
	}
}
