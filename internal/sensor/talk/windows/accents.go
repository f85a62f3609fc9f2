package windows

import "haechi/internal/sensor/talk"

// Accents are the protocols of this package.
func Accents() []talk.Accent {
	return []talk.Accent{
		{Name: "smb", Match: matchSMB, Make: func(*talk.Conversation) talk.Speaker { return &smbTalk{} }},
		{Name: "dcerpc", Match: matchRPC, Make: func(*talk.Conversation) talk.Speaker { return &rpcTalk{} }},
	}
}
