package windows

import (
	"bytes"
	"encoding/binary"
	"strings"

	"haechi"
	"haechi/internal/brick/msrpc"
	"haechi/internal/sensor/talk"
)

// smb2 tells, of SMB 2 and 3 (MS-SMB2):
//
//   - logins: a session setup with NTLM that ends in success or in a refusal, with the user.
//     A null session, without a user, is none.
//   - smb.TreeConnect: a share, or an attempt to get it.
//   - smb.OpenPipe: a pipe; what is called through it is told as DCE/RPC.
//   - smb.Create: a file that was made or overwritten.
//   - smb.Write: the first write to a file, smb.WriteExecutable where its first bytes are
//     those of a Windows program.
//
// Reading, listing and opening files for that is what shares are for, and not told.
type smb2 struct {
	user    string
	trees   [8]smbTree
	tree    int
	files   [16]smbFile
	file    int
	waiting [24]smbAsked
	wait    int
	stray   rpcState // of pipes whose opening was not seen
}

type smbTree struct {
	id    uint32
	share string
}

// smbFile is an open file or pipe.
type smbFile struct {
	id    [16]byte
	name  string
	pipe  *rpcState // nil for a file
	wrote bool
	used  bool
}

// smbAsked is a request that waits for its answer.
type smbAsked struct {
	message uint64
	command uint16
	used    bool
	creates bool
	tree    uint32
	name    string
	file    [16]byte
}

const (
	smbSessionSetup = 1
	smbTreeConnect  = 3
	smbCreate       = 5
	smbClose        = 6
	smbRead         = 8
	smbWrite        = 9
	smbIoctl        = 11

	smb2Header = 64

	statusOK       = 0
	statusPending  = 0x103
	statusMore     = 0xc0000016 // another message of the login is needed
	pipeTransceive = 0x0011c017
)

// smb2Message is one message. b begins with its header.
type smb2Message struct {
	b       []byte
	command uint16
	status  uint32
	id      uint64
	tree    uint32
}

// message takes what lies in one frame: one message, or several.
func (s *smb2) message(c *talk.Conversation, from talk.Side, b []byte) {
	for range 8 {
		if len(b) < smb2Header || b[0] != 0xfe {
			return
		}
		le := binary.LittleEndian
		next := int(le.Uint32(b[20:]))
		m := smb2Message{b: b, command: le.Uint16(b[12:]), status: le.Uint32(b[8:]), id: le.Uint64(b[24:]), tree: le.Uint32(b[36:])}
		if next >= smb2Header && next <= len(b) {
			m.b = b[:next]
		}
		if from == talk.FromClient {
			s.asked(c, &m)
		} else if m.status != statusPending {
			s.answered(c, &m)
		}
		if next < smb2Header || next > len(b) {
			return
		}
		b = b[next:]
	}
}

// u16 and u32 read a field behind the header, 0 where it is cut.
func (m *smb2Message) u16(at int) int {
	if smb2Header+at+2 > len(m.b) {
		return 0
	}
	return int(binary.LittleEndian.Uint16(m.b[smb2Header+at:]))
}

func (m *smb2Message) u32(at int) uint32 {
	if smb2Header+at+4 > len(m.b) {
		return 0
	}
	return binary.LittleEndian.Uint32(m.b[smb2Header+at:])
}

// part is what lies at an offset from the header, as far as it is there.
func (m *smb2Message) part(at, n int) []byte {
	if at < 0 || n < 0 || at >= len(m.b) {
		return nil
	}
	return m.b[at:min(len(m.b), at+n)]
}

func (m *smb2Message) handle(at int) (id [16]byte) {
	if smb2Header+at+len(id) <= len(m.b) {
		copy(id[:], m.b[smb2Header+at:])
	}
	return id
}

func (s *smb2) asked(c *talk.Conversation, m *smb2Message) {
	a := smbAsked{message: m.id, command: m.command, tree: m.tree, used: true}
	switch m.command {
	case smbSessionSetup:
		user, step := talk.NTLM(m.part(m.u16(12), m.u16(14)))
		if step == talk.NTLMAuthenticate {
			a.name = user
		}
	case smbTreeConnect:
		path := talk.Wide(m.part(m.u16(4), m.u16(6)))
		a.name = path[strings.LastIndexByte(path, '\\')+1:]
	case smbCreate:
		a.name, a.creates = talk.Wide(m.part(m.u16(44), m.u16(46))), true
	case smbClose:
		s.forget(c, m.handle(8))
		return
	case smbWrite:
		s.write(c, m)
		return
	case smbRead:
		a.file = m.handle(16)
	case smbIoctl:
		if m.u32(4) != pipeTransceive {
			return
		}
		a.file = m.handle(8)
		s.pipe(a.file).packet(c, talk.FromClient, m.part(int(m.u32(24)), int(m.u32(28))))
	default:
		return
	}
	s.waiting[s.wait] = a
	s.wait = (s.wait + 1) % len(s.waiting)
}

// take returns what a message answers.
func (s *smb2) take(m *smb2Message) (a smbAsked, ok bool) {
	for i := range s.waiting {
		if w := &s.waiting[i]; w.used && w.message == m.id && w.command == m.command {
			a = *w
			*w = smbAsked{}
			return a, true
		}
	}
	return a, false
}

func (s *smb2) answered(c *talk.Conversation, m *smb2Message) {
	a, ok := s.take(m)
	if !ok {
		return
	}
	switch {
	case m.command == smbSessionSetup:
		s.login(c, a.name, m.status)
	case m.command == smbTreeConnect:
		s.connected(c, m, a.name)
	case m.status != statusOK && m.status>>28 == 0xc:
	case m.command == smbCreate:
		s.opened(c, m, &a)
	case m.command == smbRead:
		at := 0
		if len(m.b) > smb2Header+2 {
			at = int(m.b[smb2Header+2])
		}
		if f := s.find(a.file); f == nil || f.pipe != nil {
			s.pipe(a.file).packet(c, talk.FromServer, m.part(at, int(m.u32(4))))
		}
	case m.command == smbIoctl:
		s.pipe(a.file).packet(c, talk.FromServer, m.part(int(m.u32(32)), int(m.u32(36))))
	}
}

func (s *smb2) login(c *talk.Conversation, user string, status uint32) {
	switch {
	case user == "" || status == statusMore:
	case status == statusOK:
		s.user = user
		c.TellLogin(user, haechi.Success, "ntlm")
	default:
		c.TellLogin(user, haechi.Failure, "ntlm")
	}
}

func (s *smb2) connected(c *talk.Conversation, m *smb2Message, share string) {
	outcome := haechi.Failure
	if m.status == statusOK {
		outcome = haechi.Success
		s.trees[s.tree] = smbTree{id: m.tree, share: share}
		s.tree = (s.tree + 1) % len(s.trees)
	}
	c.TellCall("smb", "smb.TreeConnect", share, s.user, outcome)
}

// share is the name of the share of a tree, and whether it holds pipes.
func (s *smb2) share(tree uint32) (name string, pipes bool) {
	for _, t := range s.trees {
		if t.share != "" && t.id == tree {
			return t.share, strings.EqualFold(t.share, "IPC$")
		}
	}
	return "", false
}

// opened notes a file or pipe.
func (s *smb2) opened(c *talk.Conversation, m *smb2Message, a *smbAsked) {
	const opened = 1
	share, pipes := s.share(a.tree)
	f := smbFile{id: m.handle(64), name: a.name, used: true}
	if pipes || share == "" && pipeOf(a.name) != msrpc.Unknown {
		f.pipe = &rpcState{}
		f.pipe.assume(pipeOf(a.name))
		f.pipe.user = s.user
		c.TellCall("smb", "smb.OpenPipe", a.name, s.user, haechi.Success)
	} else {
		if share != "" {
			f.name = share + `\` + a.name
		}
		f.name = f.name[:min(len(f.name), talk.MaxText)]
		if m.u32(4) != opened {
			c.TellCall("smb", "smb.Create", strings.ToValidUTF8(f.name, ""), s.user, haechi.Success)
		}
	}
	if old := &s.files[s.file]; old.pipe != nil {
		old.pipe.end(c)
	}
	s.files[s.file] = f
	s.file = (s.file + 1) % len(s.files)
}

// pipeOf is the interface that a well-known pipe leads to.
func pipeOf(name string) msrpc.Interface {
	name = strings.ToLower(strings.TrimPrefix(name, `\`))
	for _, i := range [...]msrpc.Interface{msrpc.Svcctl, msrpc.Atsvc, msrpc.Winreg, msrpc.Srvsvc, msrpc.Wkssvc, msrpc.Samr, msrpc.Lsarpc, msrpc.Netlogon,
		msrpc.Spoolss, msrpc.Efsrpc, msrpc.Eventlog} {
		if i.String() == name {
			return i
		}
	}
	return msrpc.Unknown
}

// assume takes an interface for the one that is spoken, until a Bind says otherwise.
func (r *rpcState) assume(is msrpc.Interface) {
	if is != msrpc.Unknown {
		r.contexts[0], r.n = rpcContext{is: is}, 1
	}
}

func (s *smb2) find(id [16]byte) *smbFile {
	for i := range s.files {
		if f := &s.files[i]; f.used && f.id == id {
			return f
		}
	}
	return nil
}

// pipe is what is said through a pipe.
func (s *smb2) pipe(id [16]byte) *rpcState {
	if f := s.find(id); f != nil && f.pipe != nil {
		return f.pipe
	}
	s.stray.user = s.user
	return &s.stray
}

func (s *smb2) write(c *talk.Conversation, m *smb2Message) {
	data := m.part(m.u16(2), int(m.u32(4)))
	f := s.find(m.handle(16))
	switch {
	case f == nil:
		s.stray.packet(c, talk.FromClient, data)
	case f.pipe != nil:
		f.pipe.packet(c, talk.FromClient, data)
	case !f.wrote:
		f.wrote = true
		operation := "smb.Write"
		if m.u32(8) == 0 && m.u32(12) == 0 && bytes.HasPrefix(data, []byte("MZ")) {
			operation = "smb.WriteExecutable"
		}
		c.TellCall("smb", operation, strings.ToValidUTF8(f.name, ""), s.user, haechi.Unknown)
	}
}

func (s *smb2) forget(c *talk.Conversation, id [16]byte) {
	if f := s.find(id); f != nil {
		if f.pipe != nil {
			f.pipe.end(c)
		}
		*f = smbFile{}
	}
}

func (s *smb2) end(c *talk.Conversation) {
	for i := range s.files {
		if p := s.files[i].pipe; p != nil {
			p.end(c)
		}
	}
	s.stray.end(c)
}
