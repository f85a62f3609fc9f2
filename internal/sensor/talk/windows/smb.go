package windows

import (
	"encoding/binary"

	"haechi/internal/sensor/talk"
)

// smbTalk hears SMB 2 and 3 and the beginning of SMB 1, in its frames over TCP (MS-SMB2
// section 2.1). What is encrypted is passed over.
type smbTalk struct {
	two  smb2
	one  smb1
	lost [2]bool // bytes are missing: wait for what looks like a frame
}

const (
	smbFrame = 4
	// smbPeek is how much of a message is looked at, in bytes.
	smbPeek = 4 << 10

	netbiosMessage = 0x00
	netbiosRequest = 0x81
	netbiosGranted = 0x82
	netbiosAlive   = 0x85
)

// matchSMB: a frame with the mark of SMB, or the request for a NetBIOS session.
func matchSMB(c *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	if b[0] == netbiosRequest && c.Port(139) {
		return talk.Yes, talk.FromClient
	}
	for i, want := range [...]byte{0, 0, 0, 0, 0xfe, 'S', 'M', 'B'} {
		switch {
		case i >= len(b):
			return talk.Unsure, talk.FromClient
		case i == 1 || i == 2 || i == 3:
		case i == 4 && b[i] >= 0xfd && b[i] < 0xff, i == 4 && b[i] == 0xff:
		case b[i] != want:
			return talk.No, talk.FromClient
		}
	}
	const flags1, flags2 = smbFrame + 9, smbFrame + 16
	if len(b) <= flags2 {
		return talk.Unsure, talk.FromClient
	}
	if b[smbFrame] == 0xff && b[flags1]&0x80 != 0 || b[smbFrame] == 0xfe && b[flags2]&1 != 0 {
		return talk.Yes, talk.FromServer
	}
	return talk.Yes, talk.FromClient
}

func (s *smbTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	if s.lost[from] {
		if v, _ := matchSMB(c, b); v != talk.Yes {
			return len(b)
		}
		s.lost[from] = false
	}
	if len(b) < smbFrame {
		return 0
	}
	n := int(binary.BigEndian.Uint32(b) & 0xffffff)
	switch b[0] {
	case netbiosMessage:
	case netbiosRequest, netbiosGranted, netbiosAlive:
		c.Pass(from, int64(n))
		return smbFrame
	default:
		c.Finish()
		return len(b)
	}
	seen := min(n, smbPeek)
	if len(b) < smbFrame+seen {
		return 0
	}
	msg := b[smbFrame : smbFrame+seen]
	if len(msg) >= 4 && string(msg[1:4]) == "SMB" {
		switch msg[0] {
		case 0xfe:
			s.two.message(c, from, msg)
		case 0xff:
			s.one.message(c, from, msg)
		}
	}
	c.Pass(from, int64(n-seen))
	return smbFrame + seen
}

func (s *smbTalk) Miss(_ *talk.Conversation, from talk.Side) bool {
	s.lost[from] = true
	return true
}

func (s *smbTalk) End(c *talk.Conversation) { s.two.end(c) }
