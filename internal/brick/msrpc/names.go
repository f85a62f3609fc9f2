package msrpc

import "strconv"

// Interface is one that is known by name.
type Interface uint8

// The interfaces.
const (
	Unknown Interface = iota
	Svcctl
	Atsvc
	TaskScheduler
	Winreg
	Srvsvc
	Wkssvc
	Samr
	Lsarpc
	Drsuapi
	Netlogon
	Epmapper
	OXIDResolver
	SCMActivator
	Activation
	RemUnknown
	Dispatch
	WbemLogin
	WbemServices
	WbemEnum
	Spoolss
	Efsrpc
	Eventlog
	Dfsnm
	Shutdown
	Management
	Backupkey
)

// known are the interfaces, in the order of their constants. Sources: the MS-* protocol
// documents that define each.
func known() [27]struct{ uuid, name string } {
	return [...]struct{ uuid, name string }{
		{},
		{"367abb81-9844-35f1-ad32-98f038001003", "svcctl"},
		{"1ff70682-0a51-30e8-076d-740be8cee98b", "atsvc"},
		{"86d35949-83c9-4044-b424-db363231fd0c", "tsch"},
		{"338cd001-2244-31f1-aaaa-900038001003", "winreg"},
		{"4b324fc8-1670-01d3-1278-5a47bf6ee188", "srvsvc"},
		{"6bffd098-a112-3610-9833-46c3f87e345a", "wkssvc"},
		{"12345778-1234-abcd-ef00-0123456789ac", "samr"},
		{"12345778-1234-abcd-ef00-0123456789ab", "lsarpc"},
		{"e3514235-4b06-11d1-ab04-00c04fc2dcd2", "drsuapi"},
		{"12345678-1234-abcd-ef00-01234567cffb", "netlogon"},
		{"e1af8308-5d1f-11c9-91a4-08002b14a0fa", "epmapper"},
		{"99fcfec4-5260-101b-bbcb-00aa0021347a", "IOXIDResolver"},
		{"000001a0-0000-0000-c000-000000000046", "IRemoteSCMActivator"},
		{"4d9f4ab8-7d1c-11cf-861e-0020af6e7c57", "IActivation"},
		{"00000131-0000-0000-c000-000000000046", "IRemUnknown"},
		{"00020400-0000-0000-c000-000000000046", "IDispatch"},
		{"f309ad18-d86a-11d0-a075-00c04fb68820", "IWbemLevel1Login"},
		{"9556dc99-828c-11cf-a37e-00aa003240c7", "IWbemServices"},
		{"027947e1-d731-11ce-a357-000000000001", "IEnumWbemClassObject"},
		{"12345678-1234-abcd-ef00-0123456789ab", "spoolss"},
		{"c681d488-d850-11d0-8c52-00c04fd90f7e", "efsrpc"},
		{"82273fdc-e32a-18c3-3f78-827929dc23ea", "eventlog"},
		{"4fc742e0-4a10-11cf-8273-00aa004ae673", "netdfs"},
		{"894de0c0-0d55-11d3-a322-00c04fa321a1", "initshutdown"},
		{"afa8bd80-7d8a-11c9-bef4-08002b102989", "mgmt"},
		{"3dde7c30-165d-11d1-ab8f-00805f14db40", "backupkey"},
	}
}

// others are further numbers of known interfaces.
func others() [2]struct {
	uuid string
	is   Interface
} {
	return [...]struct {
		uuid string
		is   Interface
	}{
		{"00000143-0000-0000-c000-000000000046", RemUnknown}, // IRemUnknown2
		{"df1941c5-fe89-4e79-bf10-463657acf44d", Efsrpc},
	}
}

// Of returns the interface of a number.
func Of(u UUID) Interface {
	text := u.text()
	for i, k := range known() {
		if k.uuid == string(text[:]) {
			return Interface(i)
		}
	}
	for _, o := range others() {
		if o.uuid == string(text[:]) {
			return o.is
		}
	}
	return Unknown
}

// text is the usual form.
func (u UUID) text() (out [36]byte) {
	const digits = "0123456789abcdef"
	order := [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}
	at := 0
	for i, from := range order {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out[at] = '-'
			at++
		}
		out[at], out[at+1] = digits[u[from]>>4], digits[u[from]&15]
		at += 2
	}
	return out
}

// String is the usual form.
func (u UUID) String() string {
	t := u.text()
	return string(t[:])
}

// Parse reads the usual form; ok is false for anything else.
func Parse(s string) (u UUID, ok bool) {
	order := [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}
	if len(s) != 36 {
		return u, false
	}
	at := 0
	for i, to := range order {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			if s[at] != '-' {
				return u, false
			}
			at++
		}
		v, err := strconv.ParseUint(s[at:at+2], 16, 8)
		if err != nil {
			return u, false
		}
		u[to] = byte(v)
		at += 2
	}
	return u, true
}

// String is the interface's name, empty for an unknown one.
func (i Interface) String() string {
	all := known()
	if int(i) < len(all) {
		return all[i].name
	}
	return ""
}

// Operation names an operation of an interface, "svcctl.CreateServiceW"; one without a
// name by its number, "svcctl.99".
func (i Interface) Operation(number uint16) string {
	name := i.operation(number)
	if name == "" {
		name = strconv.Itoa(int(number))
	}
	return i.String() + "." + name
}
