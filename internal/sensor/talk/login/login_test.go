package login_test

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"haechi/internal/sensor"
	"haechi/internal/sensor/talk/talktest"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) + "\r\n" }

// dialogues are logins in clear: port, what is said, what is told.
type dialogue struct {
	name, protocol string
	port           uint16
	talk           []said
	want           string
}

func dialogues() []dialogue {
	hi := out("220-hello\r\n220 there\r\n")
	return []dialogue{
		{"guessing", "ftp", 21, []said{hi, in("USER ann\r\n"), out("331 who\r\n"), in("PASS a\r\n"), out("530 no\r\n"), in("USER root\r\n"), out("331-x\r\n331 y\r\n"), in("PASS 12345\r\n"), out("230 in\r\n"), in("SYST\r\n")},
			"ann failure password|root success default:mirai"},
		{"no password", "ftp", 2121, []said{hi, in("FEAT\r\n"), out("211 end\r\n"), in("USER x\r\n"), out("530 no\r\n"), in("USER y\r\n"), out("230 ok\r\n")}, "x failure password|y success password"},
		{"cut", "ftp", 21, []said{hi, in("USER x\r\nPASS y\r\n")}, "x unknown password"},
		{"smtp plain", "smtp", 587, []said{hi, in("EHLO me\r\n"), out("250-x\r\n250 AUTH PLAIN\r\n"), in("AUTH PLAIN " + b64("\x00ann\x00pw")), out("535 no\r\n"), in("AUTH PLAIN\r\n"), out("334 \r\n"), in(b64("\x00root\x0012345")), out("235 ok\r\n"), in("MAIL FROM:<a>\r\n")},
			"ann failure password|root success default:mirai"},
		{"smtp login", "smtp", 25, []said{hi, in("EHLO me\r\n"), out("250 x\r\n"), in("AUTH LOGIN\r\n"), out("334 VXNlcm5hbWU6\r\n"), in(b64("bob")), out("334 UGFzc3dvcmQ6\r\n"), in(b64("pw")), out("535 5.7.8 no\r\n"), in("AUTH CRAM-MD5\r\n"), out("334 x\r\n"), in(b64("bob 0123")), out("454 later\r\n")},
			"bob failure password|bob failure password"},
		{"mail alone", "smtp", 25, []said{hi, in("HELO me\r\n"), out("250 x\r\n"), in("MAIL FROM:<a>\r\n"), out("550 no\r\n")}, ""},
		{"pop3", "pop3", 110, []said{out("+OK hi\r\n"), in("CAPA\r\n"), out("+OK\r\nUSER\r\n.\r\n"), in("USER ann\r\n"), out("+OK\r\n"), in("PASS x\r\n"), out("-ERR no\r\n"), in("APOP bob c4c9\r\n"), out("-ERR no\r\n"), in("AUTH PLAIN\r\n"), out("+ \r\n"), in(b64("\x00eve\x00pw")), out("+OK in\r\n")},
			"ann failure password|bob failure password|eve success password"},
		{"imap", "imap", 143, []said{out("* OK hi\r\n"), in("1 CAPABILITY\r\n"), out("* CAPABILITY X\r\n1 OK\r\n"), in("2 LOGIN ann \"p w\"\r\n"), out("2 NO bad\r\n"), in("3 LOGIN {4}\r\n"), out("+ go\r\n"), in("root {5}\r\n"), out("+ go\r\n"), in("12345\r\n"), out("3 NO\r\n"), in("4 AUTHENTICATE PLAIN\r\n"), out("+\r\n"), in(b64("\x00eve\x00pw")), out("* x\r\n4 OK in\r\n")},
			"ann failure password|root failure default:mirai|eve success password"},
		{"telnet", "telnet", 2323, []said{out("\xff\xfd\x18\xff\xfb\x01"), in("\xff\xfc\x18\xff\xfa\x18\x00xterm\xff\xf0"), out("\r\nDebian GNU/Linux\r\nhost login: "), in("ann\r\n"), out("ann\r\nPassword: "), in("x\r\x00"), out("\r\n\r\nLogin incorrect\r\nhost login: "), in("roo\x08ot\r\n"), out("root\r\nPassword: "), in("12345\r\n"), out("\r\nLast login: Mon Mar 1 from x\r\n# ")},
			"ann failure password|root success default:mirai"},
		{"telnet again", "telnet", 23, []said{out("Username: "), in("ann\r"), out("\r\nPassword:"), in("x\r"), out("\r\nUsername: "), in("bob\r"), out("\r\nPassword:"), in("y\r"), out("\r\nrouter>")}, "ann failure password|bob success password"},
		{"telnet cut", "telnet", 23, []said{out("login: "), in("ann\r"), out("\r\nPassword:"), in("x\r")}, "ann unknown password"},
		{"telnet without login", "telnet", 23, []said{out("> "), in("show\r"), out("error: fail\r\n> ")}, ""},
	}
}

func TestLogins(t *testing.T) {
	for _, d := range dialogues() {
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

// Where a dialogue turns to TLS, its hello is told.
func TestStartTLS(t *testing.T) {
	hello := talktest.Hello("mail.example.com")
	for name, talk := range map[string][]said{
		"smtp": {out("220 x\r\n"), in("EHLO a\r\n"), out("250 x\r\n"), in("STARTTLS\r\n"), out("220 go\r\n"), hello},
		"ftp":  {out("220 x\r\n"), in("AUTH TLS\r\n"), out("234 go\r\n"), hello},
		"pop3": {out("+OK x\r\n"), in("STLS\r\n"), out("+OK go\r\n"), hello},
		"imap": {out("* OK x\r\n"), in("a STARTTLS\r\n"), out("a OK go\r\n"), hello},
	} {
		if events := anyCut(t, 25, talk); len(events) != 1 || events[0].Name != "mail.example.com" {
			t.Errorf("%s: told %q", name, talktest.Facts(events))
		}
	}
}

// keyExchange is an SSH conversation up to its encryption.
func keyExchange() []said {
	packet := func(kind byte, n int) string {
		b := binary.BigEndian.AppendUint32(nil, uint32(n+2))
		return string(append(b, 4, kind)) + strings.Repeat("k", n)
	}
	return []said{in("SSH-2.0-libssh_0.9.6\r\n"), out("welcome\r\nSSH-2.0-OpenSSH_9.6\r\n"), in(packet(20, 1200)), out(packet(20, 900)), in(packet(30, 40)),
		out(packet(31, 400) + packet(21, 10) + strings.Repeat("e", 300)), in(packet(21, 10)), in(sized(44)), out(sized(44))}
}

func sized(n int) string { return strings.Repeat("x", n) }

func TestSSH(t *testing.T) {
	for name, test := range map[string]struct {
		talk  []said
		after time.Duration
		want  string
	}{
		"guessing":       {[]said{in(sized(68)), out(sized(52)), in(sized(148)), out(sized(52)), in(sized(148)), out(sized(52)), in(sized(148)), out(sized(28))}, 0, " failure | failure | success "},
		"one password":   {[]said{in(sized(148)), out(sized(52))}, time.Second, " failure "},
		"waiting person": {[]said{in(sized(68)), out(sized(52))}, time.Minute, ""},
		"keys":           {[]said{in(sized(68)), out(sized(52)), in(sized(400)), out(sized(52)), in(sized(400)), out(sized(332)), in(sized(652)), out(sized(28)), out(sized(600))}, 0, " failure publickey| success "},
		"prompted":       {[]said{in(sized(68)), out(sized(60)), in(sized(84)), out(sized(44)), in(sized(84)), out(sized(60)), in(sized(84)), out(sized(44)), in(sized(84)), out(sized(28))}, 0, " failure | success "},
		"banner":         {[]said{in(sized(68)), out(sized(120)), in(sized(148)), out(sized(52)), in(sized(148)), out(sized(52)), in(sized(148)), out(sized(52))}, 0, " failure | failure "},
		"nothing":        {nil, 0, ""},
	} {
		e := newEar(talktest.Config())
		id, at, seq := e.Open(talktest.Ends(1, 22), talktest.Start()), talktest.Start(), [2]uint32{}
		for _, s := range append(keyExchange(), test.talk...) {
			side := 0
			if s.Server {
				side = 1
			}
			at = at.Add(time.Millisecond)
			e.Data(id, &sensor.Segment{Time: at, FromClient: !s.Server, Seq: seq[side], Bytes: []byte(s.Text), Length: len(s.Text)})
			seq[side] += uint32(len(s.Text))
		}
		e.Close(id, at.Add(test.after))
		talktest.Check(t, e)
		if got := strings.Join(talktest.Logins(e.Events), "|"); got != test.want {
			t.Errorf("%s: told %q, want %q", name, got, test.want)
		}
		if len(e.Events) > 0 && e.Events[0].UserAgent != "SSH-2.0-libssh_0.9.6" {
			t.Errorf("%s: told %+v", name, e.Events[0])
		}
	}
}
