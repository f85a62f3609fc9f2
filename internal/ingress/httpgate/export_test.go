package httpgate

// OnlyNetHTTP leaves every request to net/http.
func (g *Gate) OnlyNetHTTP() {
	for _, s := range g.sites {
		s.quick = false
	}
}
