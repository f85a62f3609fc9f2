package msrpc

import "bytes"

// classes are the objects by which one Windows host is known to make another run
// something, besides those that only management needs.
func classes() [9]struct{ uuid, name string } {
	return [...]struct{ uuid, name string }{
		{"8bc3f05e-d86b-11d0-a075-00c04fb68820", "WMI"},
		{"49b2791a-b1ae-4c90-9b8e-e860ba07f889", "MMC20.Application"},
		{"9ba05972-f6a8-11cf-a442-00a0c90a8f39", "ShellWindows"},
		{"c08afd90-f2a1-11d1-8455-00a0c91f3880", "ShellBrowserWindow"},
		{"00024500-0000-0000-c000-000000000046", "Excel.Application"},
		{"000209ff-0000-0000-c000-000000000046", "Word.Application"},
		{"0006f03a-0000-0000-c000-000000000046", "Outlook.Application"},
		{"72c24dd5-d70a-438b-8a42-98424b88afb8", "WScript.Shell"},
		{"000c101c-0000-0000-c000-000000000046", "WindowsInstaller"},
	}
}

// Class finds the class of the object that an activation asks for in its arguments: one of
// a few that are known by name, else "".
func Class(stub []byte) string {
	for _, c := range classes() {
		if u, ok := Parse(c.uuid); ok && bytes.Contains(stub, u[:]) {
			return c.name
		}
	}
	return ""
}

// Managed finds the class of Windows Management Instrumentation that arguments speak
// of: one of those that run something, now or later, else "".
func Managed(stub []byte) string {
	for _, name := range [...]string{"Win32_Process", "Win32_ScheduledJob", "Win32_Service", "CommandLineEventConsumer", "ActiveScriptEventConsumer",
		"__EventFilter", "__FilterToConsumerBinding", "StdRegProv", "Win32_Product"} {
		if bytes.Contains(stub, []byte(name)) || wide(stub, name) {
			return name
		}
	}
	return ""
}

// wide reports whether the bytes hold a word in UTF-16.
func wide(b []byte, word string) bool {
	for {
		i := bytes.IndexByte(b, word[0])
		if i < 0 || len(b)-i < 2*len(word) {
			return false
		}
		n := 0
		for n < len(word) && b[i+2*n] == word[n] && b[i+2*n+1] == 0 {
			n++
		}
		if n == len(word) {
			return true
		}
		b = b[i+1:]
	}
}
