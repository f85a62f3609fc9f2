package simulate

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// guess is a connection to an SSH server on which so many passwords are refused, and one
// is taken if entered. The sizes are those of chacha20-poly1305@openssh.com: 4 bytes of
// length, padding to 8, 16 of the tag (RFC 4253, RFC 4252).
func (s *stage) guess(at time.Duration, from netip.Addr, to netip.AddrPort, refused int, entered bool) {
	const (
		request, accept   = 60, 44 // "ssh-userauth", and that it may be
		none, password    = 68, 148
		failure, success  = 52, 28
		between, checking = 40 * time.Millisecond, 30 * time.Millisecond
	)
	c := s.greeted(at, from, to)
	c.exchange(request, accept)
	c.exchange(none, failure)
	for range refused {
		c.wait(between)
		c.up(psh|ack, s.noise(password), password)
		c.at += c.way + checking
		c.tell(s.noise(failure))
	}
	if entered {
		c.exchange(password, success)
		for range 6 {
			c.wait(s.within(300*time.Millisecond, 900*time.Millisecond))
			c.exchange(36, 36+8*s.rng.IntN(12))
		}
	}
	c.end()
}

// exchange is one encrypted message each way.
func (c *conversation) exchange(up, down int) {
	c.ask(c.s.noise(up))
	c.tell(c.s.noise(down))
}

// greeted is an SSH connection after the exchange of keys.
func (s *stage) greeted(at time.Duration, from netip.Addr, to netip.AddrPort) *conversation {
	c := s.open(at, from, to)
	c.tell([]byte("SSH-2.0-OpenSSH_9.6\r\n"))
	c.ask([]byte("SSH-2.0-libssh2_1.11.0\r\n"))
	c.tell(sshPacket(s.keyInit()))
	c.ask(sshPacket(s.keyInit()))
	c.ask(sshPacket(append([]byte{30}, sized(4, s.noise(32))...)))
	answer := append([]byte{31}, sized(4, append(append(sized(4, []byte("ssh-ed25519")), 0, 0, 0, 32), s.noise(32)...))...)
	answer = append(append(answer, sized(4, s.noise(32))...), sized(4, append(append(sized(4, []byte("ssh-ed25519")), 0, 0, 0, 64), s.noise(64)...))...)
	c.tell(append(sshPacket(answer), sshPacket([]byte{21})...))
	c.ask(sshPacket([]byte{21}))
	return c
}

// keyInit is SSH_MSG_KEXINIT (RFC 4253 section 7.1).
func (s *stage) keyInit() []byte {
	b := append([]byte{20}, s.noise(16)...)
	for _, list := range [...]string{"curve25519-sha256,ecdh-sha2-nistp256", "ssh-ed25519,rsa-sha2-512", "chacha20-poly1305@openssh.com,aes256-ctr",
		"chacha20-poly1305@openssh.com,aes256-ctr", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "none", "none", "", ""} {
		b = append(b, sized(4, []byte(list))...)
	}
	return append(b, 0, 0, 0, 0, 0)
}

// sshPacket is a packet in clear (RFC 4253 section 6).
func sshPacket(payload []byte) []byte {
	pad := 8 - (5+len(payload))%8
	if pad < 4 {
		pad += 8
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+pad))
	return append(append(append(b, byte(pad)), payload...), make([]byte, pad)...)
}

// try is one FTP login (RFC 959) that is refused.
func (s *stage) try(at time.Duration, from netip.Addr, to netip.AddrPort, user, password string) {
	c := s.open(at, from, to)
	c.tell([]byte("220 camera FTP server ready\r\n"))
	c.ask([]byte("USER " + user + "\r\n"))
	c.tell([]byte("331 Password required\r\n"))
	c.ask([]byte("PASS " + password + "\r\n"))
	c.wait(100 * time.Millisecond)
	c.tell([]byte("530 Login incorrect\r\n"))
	c.ask([]byte("QUIT\r\n"))
	c.tell([]byte("221 Goodbye\r\n"))
	c.end()
}

// terminal is a Telnet session (RFC 854) of somebody who knows the password.
func (s *stage) terminal(at time.Duration, from netip.Addr, to netip.AddrPort) {
	c := s.open(at, from, to)
	c.tell([]byte{255, 253, 24, 255, 253, 31, 255, 251, 1, 255, 251, 3})
	c.ask([]byte{255, 252, 24, 255, 252, 31, 255, 253, 1, 255, 253, 3})
	c.tell([]byte("\r\nswitch-3 login: "))
	c.ask([]byte("operator\r\n"))
	c.tell([]byte("operator\r\nPassword: "))
	c.ask([]byte("gwanghwamun-1395\r\n"))
	c.tell([]byte("\r\nLast login: Sun Jan  4 17:20:11\r\nswitch-3> "))
	for _, line := range [...]string{"show interfaces\r\n", "show log\r\n", "exit\r\n"} {
		c.wait(s.within(2*time.Second, 6*time.Second))
		c.ask([]byte(line))
		c.tell([]byte(line + "ok\r\nswitch-3> "))
	}
	c.end()
}
