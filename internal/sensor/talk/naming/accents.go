package naming

import "haechi/internal/sensor/talk"

// Accents are the protocols of this package.
func Accents() []talk.Accent {
	hellos := &tlsTalk{}
	return []talk.Accent{
		{Name: "tls", Match: matchTLS, Make: func(*talk.Conversation) talk.Speaker { return hellos }},
		{Name: "dns", Match: matchPlain, Make: makeDNS},
		{Name: "dns", Hint: true, Match: matchDNSStream, Make: makeDNS},
		{Name: "quic", UDP: true, Match: matchQUIC, Make: func(c *talk.Conversation) talk.Speaker {
			c.Turn(false) // until a client's packet was opened
			return &quicTalk{hello: &hellos.hello}
		}},
		{Name: "dns", UDP: true, Match: matchDNS, Make: makeDNS},
	}
}
