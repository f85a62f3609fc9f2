package httpgate

// claimsClient reports whether a request header is one by which a client could
// pass for somebody else, for another path, or for the gateway. Underscores count
// as dashes: CGI and WSGI servers cannot tell them apart. It does not allocate.
func claimsClient[T string | []byte](name T) bool {
	if len(name) == 0 {
		return false
	}
	switch name[0] | 0x20 {
	case 'x':
		return foldPrefix(name, "x-forwarded") || foldPrefix(name, "x-haechi-") || foldEqual(name, "x-real-ip") ||
			foldEqual(name, "x-client-ip") || foldEqual(name, "x-cluster-client-ip") ||
			foldEqual(name, "x-original-forwarded-for") || foldEqual(name, "x-envoy-external-address") ||
			foldEqual(name, "x-remote-ip") || foldEqual(name, "x-remote-addr") || foldEqual(name, "x-originating-ip") ||
			foldEqual(name, "x-azure-clientip") || foldEqual(name, "x-original-url") || foldEqual(name, "x-rewrite-url")
	case 'f':
		return foldEqual(name, "forwarded") || foldEqual(name, "fastly-client-ip")
	case 't':
		// CGI also reads the length of a body from Content_Length. The real header of
		// that name and this one are written by net/http from the request itself.
		return foldEqual(name, "true-client-ip") || foldEqual(name, "transfer-encoding")
	case 'p': // CGI makes of Proxy the variable by which a program finds its proxy
		return foldEqual(name, "proxy") || foldEqual(name, "proxy-client-ip")
	case 'w':
		return foldEqual(name, "wl-proxy-client-ip")
	case 'r': // Netscape's name for Range, which some servers still read
		return foldEqual(name, "request-range")
	case 'c':
		return foldPrefix(name, "cf-connecting-ip") || foldEqual(name, "client-ip") || foldPrefix(name, "client-cert") ||
			foldEqual(name, "content-length")
	}
	return false
}

func foldEqual[T string | []byte](name T, want string) bool {
	return len(name) == len(want) && foldPrefix(name, want)
}

func foldPrefix[T string | []byte](name T, want string) bool {
	if len(name) < len(want) {
		return false
	}
	for i := range len(want) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c |= 0x20
		case c == '_':
			c = '-'
		}
		if c != want[i] {
			return false
		}
	}
	return true
}
