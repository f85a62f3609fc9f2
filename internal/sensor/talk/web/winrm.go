package web

import (
	"bytes"

	"haechi"
	"haechi/internal/sensor/talk"
)

// winrmPeek is how much of a body is looked at.
const winrmPeek = 4 << 10

// winrmActions are the ends of the actions of WS-Management that run something on another
// host (MS-WSMV section 3.1.4), and what they are called here.
func winrmActions() [7][2]string {
	return [...][2]string{
		{"/windows/shell/Command<", "winrm.Command"},
		{"/windows/shell/Send<", "winrm.Send"},
		{"/windows/shell/Receive<", "winrm.Receive"},
		{"/windows/shell/Signal<", "winrm.Signal"},
		{"/transfer/Create<", "winrm.Create"},
		{"/transfer/Get<", "winrm.Get"},
		{"/enumeration/Enumerate<", "winrm.Enumerate"},
	}
}

// sealed tells, once a conversation, of Windows Remote Management whose messages are
// encrypted. What is called is not known then, but PowerShell says that it is it.
func (h *httpTalk) sealed(c *talk.Conversation, q *httpRequest, kind, target []byte) {
	if h.winrm || !bytes.HasPrefix(kind, []byte("multipart/encrypted")) && !bytes.HasPrefix(kind, []byte("multipart/x-multi-encrypted")) {
		return
	}
	h.winrm = true
	name := ""
	if bytes.Contains(target, []byte("?PSVersion=")) {
		name = "powershell"
	}
	c.TellCall("winrm", "winrm.Encrypted", name, q.login.user, haechi.Unknown)
}

// peek looks at the beginning of what is posted to Windows Remote Management.
func (h *httpTalk) peek(c *talk.Conversation, b []byte) int {
	s := &h.sides[talk.FromClient]
	n := int(min(s.body, winrmPeek))
	if len(b) < n {
		return 0
	}
	user := ""
	if h.n > 0 {
		user = h.asked[h.n-1].login.user
	}
	for _, a := range winrmActions() {
		if bytes.Contains(b[:n], []byte(a[0])) {
			c.TellCall("winrm", a[1], winrmResource(b[:n]), user, haechi.Unknown)
			break
		}
	}
	c.Pass(talk.FromClient, s.body-int64(n))
	s.state, s.body = httpAtHead, 0
	return n
}

// winrmResource is the last part of the resource's name: "cmd", "Microsoft.PowerShell".
func winrmResource(b []byte) string {
	_, after, ok := bytes.Cut(b, []byte("ResourceURI"))
	if !ok {
		return ""
	}
	_, after, _ = bytes.Cut(after, []byte(">"))
	uri, _, _ := bytes.Cut(after, []byte("<"))
	return talk.Text(uri[bytes.LastIndexByte(uri, '/')+1:])
}
