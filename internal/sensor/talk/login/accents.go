package login

import "haechi/internal/sensor/talk"

// Accents are the protocols of this package.
func Accents() []talk.Accent {
	return []talk.Accent{
		{Name: "ssh", Match: matchSSH, Make: makeSSH},
		{Match: match220, Make: func(*talk.Conversation) talk.Speaker { return greetTalk{} }},
		{Name: "pop3", Match: matchPOP, Make: func(*talk.Conversation) talk.Speaker { return &popTalk{} }},
		{Name: "imap", Match: matchIMAP, Make: func(*talk.Conversation) talk.Speaker { return &imapTalk{} }},
		{Name: "vnc", Match: matchVNC, Make: func(*talk.Conversation) talk.Speaker { return &vncTalk{} }},
		{Name: "rdp", Match: matchRDP, Make: func(*talk.Conversation) talk.Speaker { return &rdpTalk{} }},
		{Name: "mysql", Match: matchMySQL, Make: func(*talk.Conversation) talk.Speaker { return &mysqlTalk{} }},
		{Name: "postgresql", Match: matchPostgres, Make: func(*talk.Conversation) talk.Speaker { return &postgresTalk{} }},
		{Name: "redis", Match: matchRedis, Make: func(*talk.Conversation) talk.Speaker { return &redisTalk{} }},
		{Name: "telnet", Match: matchTelnet, Make: makeTelnet},
		{Name: "telnet", Hint: true, Match: matchTelnetPort, Make: makeTelnet},
	}
}
