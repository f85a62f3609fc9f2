package login_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"haechi/internal/sensor/talk/talktest"
)

func mysqlPacket(seq byte, body string) string {
	return string([]byte{byte(len(body)), byte(len(body) >> 8), 0, seq}) + body
}

func mysqlHello(user string, flags uint32) string {
	b := binary.LittleEndian.AppendUint32(nil, flags)
	b = append(b, make([]byte, 28)...)
	if user != "" {
		b = append(append(b, user...), "\x00\x14hash"...)
	}
	return mysqlPacket(1, string(b))
}

func pgMessage(kind, body string) string {
	return kind + string(binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))) + body
}

func pgStart(user string) string {
	return pgMessage("", "\x00\x03\x00\x00user\x00"+user+"\x00database\x00x\x00\x00")
}

func tpkt(x224 string) string {
	b := string(rune(len(x224))) + x224
	return "\x03\x00" + string(binary.BigEndian.AppendUint16(nil, uint16(4+len(b)))) + b
}

func data(n int) string {
	return "\x17\x03\x03" + string(binary.BigEndian.AppendUint16(nil, uint16(n))) + sized(n)
}

func servers() []dialogue {
	greeting := out(mysqlPacket(0, "\x0a8.0.36\x00"+sized(60)))
	connect := in(tpkt("\xe0\x00\x00\x00\x00\x00Cookie: mstshash=ann\r\n\x01\x00\x08\x00\x03\x00\x00\x00"))
	nla := out(tpkt("\xd0\x00\x00\x12\x34\x00\x02\x00\x08\x00\x02\x00\x00\x00"))
	tls := []said{in("\x16\x03\x03\x00\x02\x01\x00"), out("\x16\x03\x03\x05\x00" + sized(0x500)), in("\x14\x03\x03\x00\x01\x01")}
	rdp := func(more ...said) []said { return append(append([]said{connect, nla}, tls...), more...) }
	return []dialogue{
		{"wrong password", "mysql", 3306, []said{greeting, in(mysqlHello("ann", 0)), out(mysqlPacket(2, "\xfecaching_sha2_password\x00"+sized(20))), in(mysqlPacket(3, sized(32))), out(mysqlPacket(4, "\xff\x15\x04#28000no"))}, "ann failure password"},
		{"right password", "mysql", 3307, []said{greeting, in(mysqlHello("root", 0)), out(mysqlPacket(2, "\x01\x03")), out(mysqlPacket(3, "\x00\x00\x00\x02\x00\x00\x00")), in(mysqlPacket(0, "\x03SELECT 1"))}, "root success password"},
		{"host refused", "mysql", 3306, []said{greeting, out(mysqlPacket(0, "\xff\x6a\x04no"))}, ""},
		{"postgres wrong", "postgresql", 5432, []said{in("\x00\x00\x00\x08\x04\xd2\x16\x2f"), out("N"), in(pgStart("ann")), out(pgMessage("R", "\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00")), in(pgMessage("p", "SCRAM")), out(pgMessage("E", "SFATAL\x00VFATAL\x00C28P01\x00Mno\x00\x00"))}, "ann failure password"},
		{"postgres right", "postgresql", 5433, []said{in(pgStart("bob")), out(pgMessage("R", "\x00\x00\x00\x05salt")), in(pgMessage("p", "md5")), out(pgMessage("R", "\x00\x00\x00\x00"))}, "bob success password"},
		{"postgres trust", "postgresql", 5432, []said{in(pgStart("bob")), out(pgMessage("R", "\x00\x00\x00\x00"))}, ""},
		{"postgres no database", "postgresql", 5432, []said{in(pgStart("bob")), out(pgMessage("E", "SFATAL\x00C3D000\x00\x00"))}, ""},
		{"redis", "redis", 6379, []said{in("*2\r\n$4\r\nAUTH\r\n$2\r\nno\r\n"), out("-WRONGPASS x\r\n"), in("*3\r\n$4\r\nAUTH\r\n$4\r\nroot\r\n$5\r\n12345\r\n*1\r\n$4\r\nPING\r\n"), out("+OK\r\n+PONG\r\n")}, "default failure password|root success default:mirai"},
		{"vnc", "vnc", 5900, []said{out("RFB 003.008\n"), in("RFB 003.008\n"), out("\x02\x02\x10"), in("\x02"), out(sized(16)), in(sized(16)), out("\x00\x00\x00\x01\x00\x00\x00\x02no")}, " failure password"},
		{"old vnc", "vnc", 5901, []said{out("RFB 003.003\n"), in("RFB 003.003\n"), out("\x00\x00\x00\x02" + sized(16)), in(sized(16)), out("\x00\x00\x00\x00")}, " success password"},
		{"open vnc", "vnc", 5901, []said{out("RFB 003.008\n"), in("RFB 003.008\n"), out("\x01\x01"), in("\x01"), out("\x00\x00\x00\x00")}, ""},
		{"rdp wrong", "rdp", 3389, rdp(in(data(60)), out(data(300)), in(data(700)), out(data(60))), "ann failure nla"},
		{"rdp right", "rdp", 3390, rdp(in(data(60)), out(data(300)), in(data(700)), out(data(100)), out(data(9000)), in(data(40))), "ann success nla"},
		{"rdp certificate", "rdp", 3389, rdp(in(data(60)), out(data(300))), ""},
		{"rdp desktop", "rdp", 3389, []said{connect, out(tpkt("\xd0\x00\x00\x12\x34\x00"))}, "ann unknown desktop"},
		{"rdp refused", "rdp", 3389, []said{connect, out(tpkt("\xd0\x00\x00\x12\x34\x00\x03\x00\x08\x00\x05\x00\x00\x00"))}, ""},
	}
}

func TestServers(t *testing.T) {
	for _, d := range servers() {
		events := anyCut(t, d.port, d.talk)
		if got := strings.Join(talktest.Logins(events), "|"); got != d.want {
			t.Errorf("%s: told %q, want %q", d.name, got, d.want)
		}
		for _, e := range events {
			if e.Protocol != d.protocol {
				t.Errorf("%s: told %+v", d.name, e)
			}
		}
	}
}

func TestServersTurnToTLS(t *testing.T) {
	hello := talktest.Hello("db.example.com")
	for name, conversation := range map[string][]said{
		"mysql":    {out(mysqlPacket(0, "\x0a8.0.36\x00"+sized(60))), in(mysqlHello("", 0x800)), hello},
		"postgres": {in("\x00\x00\x00\x08\x04\xd2\x16\x2f"), out("S"), hello},
		"rdp":      {in(tpkt("\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x01\x00\x00\x00")), out(tpkt("\xd0\x00\x00\x12\x34\x00\x02\x00\x08\x00\x01\x00\x00\x00")), hello},
	} {
		events := anyCut(t, 1, conversation)
		if n := len(events); n == 0 || events[n-1].Name != "db.example.com" {
			t.Errorf("%s: told %q", name, talktest.Facts(events))
		}
	}
}
