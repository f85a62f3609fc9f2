package tcpgate

// PeekHello lets tests read a hello.
var PeekHello = peekHello

// Choose lets tests ask for the server behind a name.
func Choose(cfg Config, name string) (string, bool) {
	r := newRoutes(&cfg)
	return r.choose(name)
}
