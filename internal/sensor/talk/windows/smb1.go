package windows

import (
	"bytes"
	"encoding/binary"
	"strings"

	"haechi"
	"haechi/internal/sensor/talk"
)

// smb1 tells, of SMB 1 (MS-CIFS, MS-SMB): logins with NTLM in the extended form, shares
// that are connected (smb.TreeConnect), and files and pipes that are opened (smb.OpenPipe,
// smb.Create) with what is called through the pipes by transactions and writes.
type smb1 struct {
	user   string
	shares [8]smbTree
	share  int
	asked  [16]smb1Asked
	wait   int
	pipes  rpcState // of all pipes of the connection, told apart by their contexts
}

type smb1Asked struct {
	message uint16
	command byte
	used    bool
	name    string
	tree    uint16
}

const (
	smb1Header       = 32
	smb1Trans        = 0x25
	smb1Write        = 0x2f
	smb1SessionSetup = 0x73
	smb1TreeConnect  = 0x75
	smb1Create       = 0xa2
	smb1Read         = 0x2e
)

// message takes one message. Of several commands in one, the first counts.
func (s *smb1) message(c *talk.Conversation, from talk.Side, b []byte) {
	if len(b) < smb1Header+3 {
		return
	}
	le := binary.LittleEndian
	command, status, id, tree := b[4], le.Uint32(b[5:]), le.Uint16(b[30:]), le.Uint16(b[24:])
	words := int(b[smb1Header])
	args := b[smb1Header+1:]
	if 2*words+2 > len(args) {
		return
	}
	data := args[2*words+2:]
	args = args[:2*words]
	unicode := le.Uint16(b[10:])&0x8000 != 0
	if from == talk.FromServer {
		s.answered(c, b, command, status, id, tree, args)
		return
	}
	a := smb1Asked{message: id, command: command, tree: tree, used: true}
	switch command {
	case smb1SessionSetup:
		if user, step := talk.NTLM(data); step == talk.NTLMAuthenticate {
			a.name = user
		}
	case smb1TreeConnect:
		if len(args) >= 8 {
			skip := int(le.Uint16(args[6:]))
			path := oneString(b, data, skip, unicode)
			a.name = path[strings.LastIndexByte(path, '\\')+1:]
		}
	case smb1Create:
		a.name = strings.TrimPrefix(oneString(b, data, 0, unicode), `\`)
	case smb1Trans, smb1Write:
		s.call(c, talk.FromClient, data)
		return
	default:
		return
	}
	s.asked[s.wait] = a
	s.wait = (s.wait + 1) % len(s.asked)
}

// oneString reads a string that ends with a zero, skip bytes into the data.
func oneString(msg, data []byte, skip int, unicode bool) string {
	if skip > len(data) {
		return ""
	}
	at := len(msg) - len(data) + skip
	rest := data[skip:]
	if !unicode {
		rest, _, _ = bytes.Cut(rest, []byte{0})
		return talk.Text(rest)
	}
	if at%2 != 0 && len(rest) > 0 {
		rest = rest[1:] // it is aligned to the header
	}
	for i := 0; i+1 < len(rest); i += 2 {
		if rest[i] == 0 && rest[i+1] == 0 {
			return talk.Wide(rest[:i])
		}
	}
	return talk.Wide(rest)
}

// call hands what lies in a transaction or a write to DCE/RPC, which has a mark of its own.
func (s *smb1) call(c *talk.Conversation, from talk.Side, data []byte) {
	for _, mark := range [...]string{"\x05\x00\x00", "\x05\x00\x0b", "\x05\x00\x02", "\x05\x00\x03", "\x05\x00\x0e"} {
		if i := bytes.Index(data[:min(len(data), 64)], []byte(mark)); i >= 0 {
			s.pipes.user = s.user
			s.pipes.packet(c, from, data[i:])
			return
		}
	}
}

func (s *smb1) answered(c *talk.Conversation, b []byte, command byte, status uint32, id, tree uint16, args []byte) {
	if command == smb1Trans || command == smb1Read {
		s.call(c, talk.FromServer, b[smb1Header:])
		return
	}
	for i := range s.asked {
		a := s.asked[i]
		if !a.used || a.message != id || a.command != command {
			continue
		}
		s.asked[i] = smb1Asked{}
		switch command {
		case smb1SessionSetup:
			s.login(c, a.name, status)
		case smb1TreeConnect:
			s.connected(c, a.name, status, tree)
		case smb1Create:
			s.opened(c, &a, status, args)
		}
		return
	}
}

func (s *smb1) login(c *talk.Conversation, user string, status uint32) {
	if user == "" || status == statusMore {
		return
	}
	outcome := haechi.Failure
	if status == statusOK {
		outcome, s.user = haechi.Success, user
	}
	c.TellLogin(user, outcome, "ntlm")
}

func (s *smb1) connected(c *talk.Conversation, share string, status uint32, tree uint16) {
	outcome := haechi.Failure
	if status == statusOK {
		outcome = haechi.Success
		s.shares[s.share] = smbTree{id: uint32(tree), share: share}
		s.share = (s.share + 1) % len(s.shares)
	}
	c.TellCall("smb", "smb.TreeConnect", share, s.user, outcome)
}

func (s *smb1) opened(c *talk.Conversation, a *smb1Asked, status uint32, args []byte) {
	const action, opened = 7, 1
	if status != statusOK || len(args) < action+4 {
		return
	}
	share := ""
	for _, t := range s.shares {
		if t.share != "" && t.id == uint32(a.tree) {
			share = t.share
		}
	}
	switch {
	case strings.EqualFold(share, "IPC$"):
		c.TellCall("smb", "smb.OpenPipe", a.name, s.user, haechi.Success)
	case binary.LittleEndian.Uint32(args[action:]) != opened:
		name := share + `\` + a.name
		c.TellCall("smb", "smb.Create", strings.ToValidUTF8(name[:min(len(name), talk.MaxText)], ""), s.user, haechi.Success)
	}
}
