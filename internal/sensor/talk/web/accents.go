package web

import "haechi/internal/sensor/talk"

// Accents are the protocols of this package.
func Accents() []talk.Accent {
	return []talk.Accent{
		{Name: "http", Match: matchHTTP, Make: func(*talk.Conversation) talk.Speaker { return &httpTalk{} }},
		{Name: "socks", Match: matchSOCKS, Make: func(*talk.Conversation) talk.Speaker { return &socksTalk{} }},
	}
}
