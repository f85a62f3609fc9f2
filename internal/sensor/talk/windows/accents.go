package windows

import "haechi/internal/sensor/talk"

// Accents are the protocols of this package.
func Accents() []talk.Accent {
	return []talk.Accent{
		{Name: "smb", Match: matchSMB, Make: func(*talk.Conversation) talk.Speaker { return &smbTalk{} }},
		{Name: "dcerpc", Match: matchRPC, Make: func(*talk.Conversation) talk.Speaker { return &rpcTalk{} }},
		{Name: "kerberos", Match: matchKerberosStream, Make: func(*talk.Conversation) talk.Speaker { return &kerberosTalk{} }},
		{Name: "kerberos", UDP: true, Match: matchKerberos, Make: func(*talk.Conversation) talk.Speaker { return &kerberosTalk{} }},
		{Name: "ldap", Match: matchLDAP, Make: func(*talk.Conversation) talk.Speaker { return &ldapTalk{} }},
	}
}
