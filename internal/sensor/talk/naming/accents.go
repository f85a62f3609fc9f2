package naming

import "haechi/internal/sensor/talk"

// Accents are the protocols of this package, for one listener.
func Accents() []talk.Accent {
	hellos, idle := &tlsTalk{}, &dnsIdle{}
	return []talk.Accent{
		{Name: "tls", Match: matchTLS, Make: func(*talk.Conversation) talk.Speaker { return hellos }},
		{Name: "dns", Match: matchPlain, Make: idle.take},
		{Name: "dns", Hint: true, Match: matchDNSStream, Make: idle.take},
		{Name: "quic", UDP: true, Match: matchQUIC, Make: func(c *talk.Conversation) talk.Speaker {
			c.Turn(false) // until a client's packet was opened
			return &quicTalk{hello: &hellos.reader}
		}},
		{Name: "dns", UDP: true, Match: matchDNS, Make: idle.take},
	}
}
