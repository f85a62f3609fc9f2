package simulate

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// negotiate is a connection to a file server that says hello and leaves (MS-SMB2 sections
// 2.2.3 and 2.2.4), as the first step of whoever tries a host.
func (s *stage) negotiate(at time.Duration, from netip.Addr, to netip.AddrPort) {
	c := s.open(at, from, to)
	le := binary.LittleEndian
	ask := make([]byte, 36, 42)
	le.PutUint16(ask, 36)
	le.PutUint16(ask[2:], 3) // dialects
	ask[4] = 1               // signing is possible
	copy(ask[12:28], s.noise(16))
	for _, dialect := range [...]uint16{0x0202, 0x0210, 0x0302} {
		ask = le.AppendUint16(ask, dialect)
	}
	c.ask(smbMessage(0, ask))
	answer := make([]byte, 64)
	le.PutUint16(answer, 65)
	answer[2] = 1
	le.PutUint16(answer[4:], 0x0302)
	copy(answer[8:24], s.noise(16))
	le.PutUint32(answer[28:], 1<<20)
	le.PutUint32(answer[32:], 1<<20)
	le.PutUint32(answer[36:], 1<<20)
	le.PutUint16(answer[56:], 128)
	c.tell(smbMessage(1, answer))
	c.end()
}

// smbMessage puts the headers before NEGOTIATE: the length (MS-SMB2 section 2.1) and the
// one of section 2.2.1.2.
func smbMessage(flags uint32, body []byte) []byte {
	head := make([]byte, 64)
	copy(head, "\xfeSMB")
	binary.LittleEndian.PutUint16(head[4:], 64)
	binary.LittleEndian.PutUint16(head[14:], 1)
	binary.LittleEndian.PutUint32(head[16:], flags)
	return append([]byte{0}, sized(3, append(head, body...))...)
}

// remote runs a command on another host by Windows Remote Management (MS-WSMV sections
// 3.1.4.5.2 and 3.1.4.11): a shell is made, a command started in it, its output read.
func (s *stage) remote(at time.Duration, from netip.Addr, to netip.AddrPort) {
	c := s.open(at, from, to)
	for _, action := range [...]string{
		"http://schemas.xmlsoap.org/ws/2004/09/transfer/Create",
		"http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Command",
		"http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Receive",
	} {
		soap := `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header><a:Action>` + action +
			`</a:Action><w:ResourceURI>http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd</w:ResourceURI></s:Header><s:Body/></s:Envelope>`
		c.ask([]byte(fmt.Sprintf("POST /wsman HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic am9vOmNoZW9uZ2d5ZWNoZW9u\r\n"+
			"User-Agent: Microsoft WinRM Client\r\nContent-Type: application/soap+xml;charset=UTF-8\r\nContent-Length: %d\r\n\r\n%s", to, len(soap), soap)))
		c.wait(s.within(20*time.Millisecond, 80*time.Millisecond))
		c.tell(reply("200 OK", 700))
	}
	c.end()
}
