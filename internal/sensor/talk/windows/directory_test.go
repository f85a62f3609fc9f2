package windows_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/sensor/talk/talktest"
)

// tlv makes a value of ASN.1.
func tlv(tag byte, parts ...string) string {
	body := strings.Join(parts, "")
	if len(body) < 128 {
		return string([]byte{tag, byte(len(body))}) + body
	}
	return string([]byte{tag, 0x82, byte(len(body) >> 8), byte(len(body))}) + body
}

func number(n byte) string { return tlv(2, string([]byte{n})) }

func principalName(parts ...string) string {
	var all []string
	for _, p := range parts {
		all = append(all, tlv(0x1b, p))
	}
	return tlv(0x30, tlv(0xa0, number(1)), tlv(0xa1, tlv(0x30, all...)))
}

// ticketRequest is an AS-REQ or TGS-REQ with pre-authentication of a kind, 0 for none.
func ticketRequest(tag, proof byte, user string, service ...string) string {
	padata := ""
	if proof > 0 {
		padata = tlv(0xa3, tlv(0x30, tlv(0x30, tlv(0xa1, number(proof)), tlv(0xa2, tlv(4, sized(300))))))
	}
	cname := ""
	if user != "" {
		cname = tlv(0xa1, principalName(user))
	}
	body := tlv(0xa4, tlv(0x30, tlv(0xa0, "\x03\x05\x00\x00\x00\x00\x00"), cname, tlv(0xa2, tlv(0x1b, "EXAMPLE")), tlv(0xa3, principalName(service...))))
	return tlv(tag, tlv(0x30, tlv(0xa1, number(5)), tlv(0xa2, number(10)), padata, body))
}

func ticketAnswer(tag, etype byte) string {
	ticket := tlv(0x61, tlv(0x30, tlv(0xa0, number(5)), tlv(0xa3, tlv(0x30, tlv(0xa0, number(etype)), tlv(0xa2, tlv(4, sized(200)))))))
	return tlv(tag, tlv(0x30, tlv(0xa0, number(5)), tlv(0xa1, number(11)), tlv(0xa5, ticket)))
}

func ticketError(code byte) string {
	return tlv(0x7e, tlv(0x30, tlv(0xa0, number(5)), tlv(0xa1, number(30)), tlv(0xa6, number(code))))
}

func long(msg string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(msg)))) + msg
}

type ticket struct {
	ask, answer, want string
}

func tickets() []ticket {
	const as, tgs = 0x6a, 0x6c
	return []ticket{
		{ticketRequest(as, 0, "ann", "krbtgt", "EXAMPLE"), ticketError(25), ""},
		{ticketRequest(as, 2, "ann", "krbtgt", "EXAMPLE"), ticketError(24), "auth ann failure password "},
		{ticketRequest(as, 2, "ann", "krbtgt", "EXAMPLE"), ticketAnswer(0x6b, 18), "auth ann success password "},
		{ticketRequest(as, 0, "nobody", "krbtgt", "EXAMPLE"), ticketError(6), "auth nobody failure principal "},
		{ticketRequest(as, 0, "svc", "krbtgt", "EXAMPLE"), ticketAnswer(0x6b, 23), "call svc success kerberos.ASWithoutProof krbtgt/EXAMPLE"},
		{ticketRequest(tgs, 1, "", "cifs", "srv"), ticketAnswer(0x6d, 18), "call  success kerberos.TGS cifs/srv"},
		{ticketRequest(tgs, 1, "", "http", "web"), ticketAnswer(0x6d, 23), "call  success kerberos.TGSWithRC4 http/web"},
		{ticketRequest(tgs, 1, "", "http", "no"), ticketError(7), "call  failure kerberos.TGS http/no"},
	}
}

func told(events []haechi.Event) string {
	var out []string
	for _, e := range events {
		out = append(out, e.Kind.String()+" "+e.User+" "+e.Outcome.String()+" "+e.Type+" "+e.Name)
	}
	return strings.Join(out, "|")
}

func TestKerberos(t *testing.T) {
	for _, x := range tickets() {
		if got := told(anyCut(t, 88, []said{in(long(x.ask)), out(long(x.answer))})); got != x.want {
			t.Errorf("told %q, want %q", got, x.want)
		}
		e := stage().Listen(talktest.Config())
		if p := e.Datagrams(1088, []said{in(x.ask), out(x.answer)}); p != "kerberos" || told(e.Events) != x.want {
			t.Errorf("over UDP %q, want %q", told(e.Events), x.want)
		}
		talktest.Check(t, e)
	}
	e := stage().Listen(talktest.Config())
	if p := e.Datagrams(88, []said{in("\x6a\x03abc")}); p != "" {
		t.Errorf("taken for %q", p)
	}
}

func ldapMessage(op string) string { return tlv(0x30, number(7), op) }

func directory() []said {
	bind := func(name, auth string) said {
		return in(ldapMessage(tlv(0x60, number(3), tlv(4, name), auth)))
	}
	bound := func(code byte) said {
		return out(ldapMessage(tlv(0x61, tlv(0x0a, string([]byte{code})), tlv(4), tlv(4))))
	}
	return []said{
		bind("", tlv(0x80)), bound(0), in(ldapMessage(tlv(0x63, tlv(4), tlv(0x0a, "\x00")))),
		bind("cn=ann", tlv(0x80, "pw")), bound(49), bind("cn=ann", tlv(0x80, "pw2")), bound(0),
		bind("", tlv(0xa3, tlv(4, "GSS-SPNEGO"), tlv(4, ntlm(1, "")))), bound(14), bind("", tlv(0xa3, tlv(4, "GSS-SPNEGO"), tlv(4, ntlm(3, "bob")))), bound(49),
		in(ldapMessage(tlv(0x63, tlv(4, "dc=x"), sized(9000)))), in(ldapMessage(tlv(0x63, tlv(4, "dc=y")))), in(ldapMessage(tlv(0x66, tlv(4, "cn=admins")))), in(ldapMessage("\x4a\x04cn=z")),
	}
}

func TestLDAP(t *testing.T) {
	const want = "auth cn=ann failure password |auth cn=ann success password |auth bob failure ntlm |call  unknown ldap.Search dc=x|call  unknown ldap.Modify cn=admins|call  unknown ldap.Delete cn=z"
	if got := told(anyCut(t, 389, directory())); got != want {
		t.Errorf("told %q", got)
	}
	start := in(ldapMessage(tlv(0x77, tlv(0x80, "1.3.6.1.4.1.1466.20037"))))
	events := anyCut(t, 389, []said{start, out(ldapMessage(tlv(0x78, tlv(0x0a, "\x00"), tlv(4), tlv(4)))), talktest.Hello("dc.example.com")})
	if len(events) != 1 || events[0].Name != "dc.example.com" {
		t.Errorf("told %q", talktest.Facts(events))
	}
}

func FuzzDatagrams(f *testing.F) {
	var scenes []talktest.Scene
	for _, x := range tickets() {
		scenes = append(scenes, talktest.Scene{Port: 88, Said: []said{in(x.ask), out(x.answer)}})
	}
	stage().FuzzDatagrams(f, scenes)
}
