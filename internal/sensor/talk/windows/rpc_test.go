package windows_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/brick/msrpc"
	"haechi/internal/sensor/talk/talktest"
)

// rpc makes a packet of DCE/RPC.
func rpc(kind msrpc.Kind, call uint32, body string, level byte, message string) string {
	b := binary.LittleEndian.AppendUint32([]byte{5, 0, byte(kind), 3, 0x10, 0, 0, 0, 0, 0, 0, 0}, call)
	b = append(b, body...)
	if level > 0 {
		b = append(append(b, 10, level, 0, 0, 0, 0, 0, 0), message...)
		binary.LittleEndian.PutUint16(b[10:], uint16(len(message)))
	}
	binary.LittleEndian.PutUint16(b[8:], uint16(len(b)))
	return string(b)
}

func rpcBind(uuid string, level byte, message string) string {
	u, ok := msrpc.Parse(uuid)
	if !ok {
		panic(uuid)
	}
	return rpc(msrpc.Bind, 1, "\xd0\x16\xd0\x16\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01\x00"+string(u[:])+"\x01\x00\x00\x00"+sized(20), level, message)
}

func rpcCall(call uint32, number uint16, stub string) string {
	return rpc(msrpc.Request, call, "\x00\x00\x00\x00\x00\x00"+string(binary.LittleEndian.AppendUint16(nil, number))+stub, 0, "")
}

func rpcAnswer(call uint32, status string) string {
	return rpc(msrpc.Response, call, "\x00\x00\x00\x00\x00\x00\x00\x00"+status, 0, "")
}

const (
	svcctlUUID   = "367abb81-9844-35f1-ad32-98f038001003"
	netlogonUUID = "12345678-1234-abcd-ef00-01234567cffb"
	scmUUID      = "000001a0-0000-0000-c000-000000000046"
	drsUUID      = "e3514235-4b06-11d1-ab04-00c04fc2dcd2"
	wbemUUID     = "9556dc99-828c-11cf-a37e-00aa003240c7"
	ok32         = "\x00\x00\x00\x00"
)

// counted is a string as an argument of an NDR call.
func counted(s string) string {
	n := binary.LittleEndian.AppendUint32(nil, uint32(len(s)))
	return string(n) + "\x00\x00\x00\x00" + string(n) + wide(s)
}

func wide(s string) (out string) {
	for _, c := range []byte(s) {
		out += string([]byte{c, 0})
	}
	return out
}

func calls(events []haechi.Event) string {
	var out []string
	for _, e := range events {
		if e.Kind == haechi.KindCall {
			out = append(out, e.Protocol+" "+e.Type+" ["+e.Name+"] "+e.User+" "+e.Outcome.String())
		}
	}
	return strings.Join(out, "|")
}

type calling struct {
	name string
	port uint16
	talk []said
	want string
}

func callings() []calling {
	zero := strings.Repeat("n", 30) + "\x00\x00\x00\x00\x00\x00\x00\x00" + "\xff\xff\x2f\x21"
	class, _ := msrpc.Parse("49b2791a-b1ae-4c90-9b8e-e860ba07f889")
	return []calling{
		{"service", 49700, []said{in(rpcBind(svcctlUUID, 2, ntlm(3, "ann"))), out(rpc(msrpc.BindAck, 1, sized(40), 0, "")), in(rpcCall(2, 15, sized(30))), out(rpcAnswer(2, ok32)),
			in(rpcCall(3, 12, sized(20)+counted("evil")+sized(9000))), out(rpcAnswer(3, "\x05\x00\x00\x00")), in(rpcCall(4, 16, sized(24))), out(rpc(msrpc.Fault, 4, sized(8)+"\x05\x00\x00\x00", 0, "")), in(rpcCall(5, 19, ""))},
			"dcerpc svcctl.OpenSCManagerW [] ann success|dcerpc svcctl.CreateServiceW [evil] ann failure|dcerpc svcctl.OpenServiceW [] ann failure|dcerpc svcctl.StartServiceW [] ann unknown"},
		{"sealed", 49701, []said{in(rpcBind(drsUUID, 6, "kerberos")), in(rpcCall(2, 3, sized(200))), out(rpcAnswer(2, sized(300)))}, "dcerpc drsuapi.DsGetNCChanges []  unknown"},
		{"netlogon", 49702, []said{in(rpcBind(netlogonUUID, 0, "")), in(rpcCall(2, 26, zero)), out(rpcAnswer(2, "\x22\x00\x00\xc0")), in(rpcCall(3, 26, sized(42))), out(rpcAnswer(3, ok32))},
			"dcerpc netlogon.NetrServerAuthenticate3 [zero credential]  failure|dcerpc netlogon.NetrServerAuthenticate3 []  success"},
		{"object", 135, []said{in(rpcBind(scmUUID, 5, "")), in(rpcCall(2, 4, sized(80)+string(class[:])+sized(80))), out(rpcAnswer(2, ok32))}, "dcerpc IRemoteSCMActivator.RemoteCreateInstance [MMC20.Application]  success"},
		{"management", 49703, []said{in(rpcBind(wbemUUID, 5, "")), in(rpcCall(2, 24, sized(40)+wide("Win32_Process")+sized(40))), out(rpcAnswer(2, ok32))}, "dcerpc IWbemServices.ExecMethod [Win32_Process]  success"},
		{"unknown", 49704, []said{in(rpcBind("00112233-4455-6677-8899-aabbccddeeff", 0, "")), in(rpcCall(2, 4, "")), out(rpcAnswer(2, ok32)), in(rpcCall(3, 4, "")), out(rpcAnswer(3, ok32))},
			"dcerpc dcerpc.Unknown [00112233-4455-6677-8899-aabbccddeeff]  success"},
		{"files", 445, smbFiles(), "smb smb.TreeConnect [ADMIN$] ann success|smb smb.Create [ADMIN$\\Temp\\x.exe] ann success|smb smb.WriteExecutable [ADMIN$\\Temp\\x.exe] ann unknown|smb smb.TreeConnect [Secret] ann failure"},
		{"pipe", 4445, smbPipe(), "smb smb.TreeConnect [IPC$]  success|smb smb.OpenPipe [svcctl]  success|dcerpc svcctl.CreateServiceW [evil]  success|dcerpc svcctl.StartServiceW []  unknown"},
		{"old", 139, smbOld(), "smb smb.TreeConnect [IPC$] ann success|smb smb.OpenPipe [svcctl] ann success|dcerpc svcctl.OpenSCManagerW [] ann success"},
	}
}

// smb makes a message of SMB 2 in its frame. server marks an answer.
func smb(server bool, id uint64, command uint16, status, tree uint32, body string) string {
	h := make([]byte, 64)
	le := binary.LittleEndian
	copy(h, "\xfeSMB\x40")
	le.PutUint32(h[8:], status)
	le.PutUint16(h[12:], command)
	if server {
		h[16] = 1
	}
	le.PutUint64(h[24:], id)
	le.PutUint32(h[36:], tree)
	return nbss(string(h) + body)
}

func nbss(msg string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(msg)))) + msg
}

// fields lays numbers of 2 or 4 bytes into a body of zeros, with text behind it.
func fields(size int, at map[int]uint32, text string) string {
	b := make([]byte, size)
	for i, v := range at {
		if v > 0xffff || i%4 == 0 && size > 40 {
			binary.LittleEndian.PutUint32(b[i:], v)
		} else {
			binary.LittleEndian.PutUint16(b[i:], uint16(v))
		}
	}
	return string(b) + text
}

func smbSetup(id uint64, message string) string {
	return smb(false, id, 1, 0, 0, fields(24, map[int]uint32{12: 64 + 24, 14: uint32(len(message))}, message))
}

func smbConnect(id uint64, path string) string {
	return smb(false, id, 3, 0, 0, fields(8, map[int]uint32{4: 64 + 8, 6: uint32(2 * len(path))}, wide(path)))
}

func smbOpen(id uint64, tree uint32, path string) string {
	return smb(false, id, 5, 0, tree, fields(56, map[int]uint32{44: 64 + 56 | uint32(2*len(path))<<16}, wide(path)))
}

func smbOpened(id uint64, action uint32, file string) string {
	return smb(true, id, 5, 0, 0, fields(64, map[int]uint32{4: action}, file+sized(8)))
}

func smbPut(id uint64, file, data string) string {
	b := fields(16, map[int]uint32{2: 64 + 48}, file)
	body := []byte(b + string(make([]byte, 16)) + data)
	binary.LittleEndian.PutUint32(body[4:], uint32(len(data)))
	return smb(false, id, 9, 0, 0, string(body))
}

const statusMore, denied = 0xc0000016, 0xc0000022

func smbFiles() []said {
	file := strings.Repeat("F", 16)
	return []said{
		in(smb(false, 0, 0, 0, 0, sized(36))), out(smb(true, 0, 0, 0, 0, sized(64))),
		in(smbSetup(1, ntlm(1, ""))), out(smb(true, 1, 1, statusMore, 0, sized(8))), in(smbSetup(2, ntlm(3, "ann"))), out(smb(true, 2, 1, 0xc000006d, 0, sized(8))),
		in(smbSetup(3, ntlm(3, "ann"))), out(smb(true, 3, 1, 0, 0, sized(8))), in(smbConnect(4, `\\srv\ADMIN$`)), out(smb(true, 4, 3, 0, 9, sized(16))),
		in(smbOpen(5, 9, `Temp\x.exe`)), out(smb(true, 5, 5, 0x103, 9, sized(8)) + smbOpened(5, 2, file)), in(smbPut(6, file, "MZ"+sized(70000))), in(smbPut(7, file, "more")),
		in(smbOpen(8, 9, `read.txt`)), out(smbOpened(8, 1, strings.Repeat("G", 16))), in(smbConnect(9, `\\srv\Secret`)), out(smb(true, 9, 3, denied, 0, sized(8))),
		in("\x00\x00\x00\x10\xfdSMB" + sized(12)),
	}
}

func smbPipe() []said {
	file := strings.Repeat("P", 16)
	transceive := func(server bool, id uint64, data string) string {
		at := map[int]uint32{4: 0x0011c017, 24: 64 + 56, 28: uint32(len(data))}
		if server {
			at = map[int]uint32{4: 0x0011c017, 32: 64 + 56, 36: uint32(len(data))}
		}
		body := []byte(fields(56, at, data))
		copy(body[8:], file)
		return smb(server, id, 11, 0, 9, string(body))
	}
	read := []byte(fields(48, nil, ""))
	copy(read[16:], file)
	answer := rpcAnswer(3, ok32)
	got := fields(16, map[int]uint32{2: 64 + 16}, answer)
	got = got[:4] + string(binary.LittleEndian.AppendUint32(nil, uint32(len(answer)))) + got[8:]
	return []said{
		in(smbConnect(4, `\\srv\IPC$`)), out(smb(true, 4, 3, 0, 9, sized(16))), in(smbOpen(5, 9, "svcctl")), out(smbOpened(5, 1, file)),
		in(smbPut(6, file, rpcBind(svcctlUUID, 0, ""))), in(smbPut(7, file, rpcCall(3, 12, sized(20)+counted("evil")))), in(smb(false, 8, 8, 0, 9, string(read))), out(smb(true, 8, 8, 0, 9, got)),
		in(transceive(false, 9, rpcCall(4, 19, ""))), out(transceive(true, 9, rpc(msrpc.Response, 5, sized(12), 0, ""))), in(smb(false, 10, 6, 0, 9, sized(8)+file)),
	}
}

// one makes a message of SMB 1.
func smbOne(server bool, id uint16, command byte, status uint32, words, data string) string {
	h := make([]byte, 32)
	copy(h, "\xffSMB")
	h[4] = command
	binary.LittleEndian.PutUint32(h[5:], status)
	if server {
		h[9] = 0x80
	}
	h[11] = 0x80 // Unicode
	h[24] = 3
	binary.LittleEndian.PutUint16(h[30:], id)
	return nbss(string(h) + string(rune(len(words)/2)) + words + string(binary.LittleEndian.AppendUint16(nil, uint16(len(data)))) + data)
}

func smbOld() []said {
	connect := "\xff\x00\x00\x00\x00\x00\x01\x00"
	action := sized(7) + "\x01\x00\x00\x00" + sized(5)
	return []said{
		in("\x81\x00\x00\x44" + sized(68)), out("\x82\x00\x00\x00"),
		in(smbOne(false, 1, 0x73, 0, sized(24), "x"+ntlm(3, "ann"))), out(smbOne(true, 1, 0x73, 0, sized(8), "")),
		in(smbOne(false, 2, 0x75, 0, connect, "\x00"+wide(`\\srv\IPC$`)+"\x00\x00?????\x00")), out(smbOne(true, 2, 0x75, 0, sized(6), "")),
		in(smbOne(false, 3, 0xa2, 0, sized(48), "\x00"+wide(`\svcctl`)+"\x00\x00")), out(smbOne(true, 3, 0xa2, 0, action, "")),
		in(smbOne(false, 4, 0x25, 0, sized(32), "\x00"+wide(`\PIPE\`)+"\x00\x00"+rpcBind(svcctlUUID, 0, ""))),
		in(smbOne(false, 5, 0x2f, 0, sized(28), rpcCall(2, 15, sized(20)))), out(smbOne(true, 5, 0x2e, 0, sized(24), rpcAnswer(2, ok32))),
	}
}

func TestCalls(t *testing.T) {
	for _, x := range callings() {
		if got := calls(anyCut(t, x.port, x.talk)); got != x.want {
			t.Errorf("%s: told\n%s, want\n%s", x.name, got, x.want)
		}
	}
	if got := strings.Join(talktest.Logins(stage().Play(t, 445, smbFiles())), "|"); got != "ann failure ntlm|ann success ntlm" {
		t.Errorf("logins %s", got)
	}
}

func ntlm(step uint32, user string) string {
	b := binary.LittleEndian.AppendUint32([]byte("NTLMSSP\x00"), step)
	for len(b) < 64 {
		b = append(b, 0)
	}
	if step == 3 {
		binary.LittleEndian.PutUint16(b[36:], uint16(2*len(user)))
		binary.LittleEndian.PutUint32(b[40:], uint32(len(b)))
		b[60] = 1
		for _, c := range user {
			b = append(b, byte(c), 0)
		}
	}
	return string(b)
}

func sized(n int) string { return strings.Repeat("x", n) }
