package msrpc_test

import (
	"encoding/binary"
	"testing"

	"haechi/internal/brick/msrpc"
)

// packet makes a packet with a body and, if a level is given, an authentication message.
func packet(kind msrpc.Kind, body string, level byte, message string) []byte {
	b := append([]byte{5, 0, byte(kind), 3, 0x10, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0}, body...)
	if level > 0 {
		b = append(append(b, 10, level, 0, 0, 0, 0, 0, 0), message...)
		binary.LittleEndian.PutUint16(b[10:], uint16(len(message)))
	}
	binary.LittleEndian.PutUint16(b[8:], uint16(len(b)))
	return b
}

func bind(t testing.TB, uuid string) string {
	u, ok := msrpc.Parse(uuid)
	if !ok {
		t.Fatal(uuid)
	}
	return "\xd0\x16\xd0\x16\x00\x00\x00\x00\x01\x00\x00\x00" + "\x04\x00\x01\x00" + string(u[:]) + "\x01\x00\x00\x00" + string(make([]byte, 20))
}

const svcctl = "367abb81-9844-35f1-ad32-98f038001003"

func TestPackets(t *testing.T) {
	b := packet(msrpc.Bind, bind(t, svcctl), 6, "NTLMSSP")
	p, ok := msrpc.Read(b)
	if !ok || p.Kind != msrpc.Bind || p.Size != len(b) || p.Call != 7 || !p.First || !p.Last {
		t.Fatalf("read %+v", p)
	}
	found := 0
	p.Contexts(func(id uint16, u msrpc.UUID) {
		found++
		if id != 4 || u.String() != svcctl || msrpc.Of(u) != msrpc.Svcctl {
			t.Errorf("context %d of %s", id, u)
		}
	})
	msg, level, ok := p.Auth()
	if found != 1 || !ok || string(msg) != "NTLMSSP" || level != msrpc.Sealed {
		t.Errorf("%d contexts, message %q, level %d", found, msg, level)
	}
	name := "\x05\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00e\x00v\x00i\x00l\x00\x00\x00"
	q, _ := msrpc.Read(packet(msrpc.Request, "\x00\x00\x00\x00\x04\x00\x0c\x00"+name, 5, "seal"))
	context, number, ok := q.Operation()
	stub, whole := q.Stub()
	if text, isText := q.Text(stub, 0); !ok || context != 4 || number != 12 || !whole || string(stub) != name || !isText || string(text) != "e\x00v\x00i\x00l\x00" {
		t.Errorf("operation %d of %d, stub %q", number, context, stub)
	}
	r, _ := msrpc.Read(packet(msrpc.Response, "\x00\x00\x00\x00\x00\x00\x00\x00"+"\x05\x00\x00\x00", 0, ""))
	f, _ := msrpc.Read(packet(msrpc.Fault, "\x00\x00\x00\x00\x00\x00\x00\x00"+"\x05\x00\x00\x00\x00\x00\x00\x00", 0, ""))
	for _, p := range []msrpc.Packet{r, f} {
		if status, ok := p.Status(); !ok || status != 5 {
			t.Errorf("status %d", status)
		}
	}
}

func TestNames(t *testing.T) {
	for want, got := range map[string]string{
		"svcctl.CreateServiceW":                    msrpc.Svcctl.Operation(12),
		"svcctl.StartServiceA":                     msrpc.Svcctl.Operation(31),
		"svcctl.99":                                msrpc.Svcctl.Operation(99),
		"tsch.SchRpcRegisterTask":                  msrpc.TaskScheduler.Operation(1),
		"drsuapi.DsGetNCChanges":                   msrpc.Drsuapi.Operation(3),
		"netlogon.NetrServerAuthenticate3":         msrpc.Netlogon.Operation(26),
		"netlogon.NetrServerPasswordSet2":          msrpc.Netlogon.Operation(30),
		"IWbemServices.ExecMethod":                 msrpc.WbemServices.Operation(24),
		"IRemoteSCMActivator.RemoteCreateInstance": msrpc.SCMActivator.Operation(4),
		"winreg.BaseRegSetValue":                   msrpc.Winreg.Operation(22),
		"samr.SamrConnect5":                        msrpc.Samr.Operation(64),
		"epmapper.ept_map":                         msrpc.Epmapper.Operation(3),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for i := msrpc.Svcctl; i <= msrpc.Backupkey; i++ {
		if i.String() == "" {
			t.Errorf("%d has no name", i)
		}
		for n := range uint16(100) {
			i.Operation(n)
		}
	}
	if u, ok := msrpc.Parse("no"); ok || msrpc.Of(u) != msrpc.Unknown {
		t.Error("parsed")
	}
}

func TestWhatArgumentsShow(t *testing.T) {
	u, _ := msrpc.Parse("9ba05972-f6a8-11cf-a442-00a0c90a8f39")
	if got := msrpc.Class([]byte("xx" + string(u[:]) + "yy")); got != "ShellWindows" {
		t.Errorf("class %q", got)
	}
	for stub, want := range map[string]string{"..W\x00i\x00n\x003\x002\x00_\x00P\x00r\x00o\x00c\x00e\x00s\x00s\x00..": "Win32_Process", "a__EventFilter": "__EventFilter", "W\x00i\x00": "", "": ""} {
		if got := msrpc.Managed([]byte(stub)); got != want {
			t.Errorf("%q: %q", stub, got)
		}
	}
}

// FuzzPacket: no bytes panic; a big-endian packet says the same as its mirror.
func FuzzPacket(f *testing.F) {
	f.Add(packet(msrpc.Bind, bind(f, svcctl), 6, "NTLMSSP"))
	f.Add(packet(msrpc.Request, "\x00\x00\x00\x00\x04\x00\x0c\x00abcdefghijklmnop", 5, "seal"))
	f.Add(packet(msrpc.Fault, "\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00", 0, ""))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := msrpc.Read(b)
		if !ok {
			return
		}
		if p.Size < msrpc.HeaderSize {
			t.Fatalf("size %d", p.Size)
		}
		p.Contexts(func(_ uint16, u msrpc.UUID) {
			if again, ok := msrpc.Parse(u.String()); !ok || again != u {
				t.Fatalf("%s", u)
			}
		})
		msg, _, _ := p.Auth()
		stub, _ := p.Stub()
		if len(msg) > len(b) || len(stub) > len(b) {
			t.Fatal("more than there is")
		}
		p.Operation()
		p.Status()
		p.Text(stub, 4)
		msrpc.Class(stub)
		msrpc.Managed(stub)
	})
}
