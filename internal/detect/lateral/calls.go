package lateral

import (
	"strings"

	"haechi"
)

// strong is what a call means.
type strong struct {
	severity  haechi.Severity
	technique string
	needs     need
	least     int // so many are needed, 0 means 1
}

// need is what else must hold for a call to count.
type need uint8

const (
	nothing    need = iota
	activation      // an object of the same host was activated before
	stranger        // the caller is no domain controller
	burst           // the same was asked for many services at once
)

// meaning looks a call up by its operation. Sources: the ATT&CK techniques named, and
// the interfaces' own definitions (MS-SCMR, MS-TSCH, MS-WMI, MS-DCOM, MS-RRP, MS-DRSR,
// MS-NRPC, MS-SMB2, MS-WSMV).
func meaning(e *haechi.Event) (s strong, ok bool) {
	service, operation, _ := strings.Cut(e.Type, ".")
	switch service {
	case "svcctl":
		return services(operation)
	case "tsch", "atsvc", "sasec":
		return tasks(operation)
	case "IWbemServices":
		return instrumentation(operation)
	case "IRemoteSCMActivator", "IActivation":
		return strong{}, false // see activate
	case "IDispatch":
		if operation == "Invoke" {
			return strong{severity: haechi.High, technique: "T1021.003", needs: activation}, true
		}
	case "winreg":
		switch operation {
		case "BaseRegSaveKey":
			return strong{severity: haechi.High, technique: "T1003.002"}, true
		case "BaseRegSetValue":
			return strong{severity: haechi.Medium, technique: "T1112"}, true
		}
	case "drsuapi":
		if operation == "DsGetNCChanges" {
			return strong{severity: haechi.High, technique: "T1003.006", needs: stranger}, true
		}
	case "netlogon":
		return netlogon(operation, e)
	case "smb":
		if operation == "WriteExecutable" && administrative(e.Name) {
			return strong{severity: haechi.High, technique: "T1570"}, true
		}
	case "kerberos":
		if operation == "TGSWithRC4" && guessable(e.Name) {
			return strong{severity: haechi.High, technique: "T1558.003", needs: burst}, true
		}
	case "winrm":
		return strong{severity: haechi.Medium, technique: "T1021.006"}, true
	}
	return strong{}, false
}

func services(operation string) (strong, bool) {
	switch {
	case strings.HasPrefix(operation, "CreateService"), operation == "CreateWowService":
		return strong{severity: haechi.High, technique: "T1543.003"}, true
	case strings.HasPrefix(operation, "ChangeServiceConfig"):
		return strong{severity: haechi.High, technique: "T1574.011"}, true
	case strings.HasPrefix(operation, "StartService"), operation == "ControlService", operation == "DeleteService":
		return strong{severity: haechi.Medium, technique: "T1569.002"}, true
	}
	return strong{}, false
}

func tasks(operation string) (strong, bool) {
	switch operation {
	case "SchRpcRegisterTask", "SchRpcRun", "NetrJobAdd":
		return strong{severity: haechi.High, technique: "T1053.005"}, true
	}
	return strong{}, false
}

func instrumentation(operation string) (strong, bool) {
	switch operation {
	case "ExecMethod", "ExecMethodAsync":
		return strong{severity: haechi.High, technique: "T1047"}, true
	case "PutInstance", "PutInstanceAsync", "PutClass":
		return strong{severity: haechi.High, technique: "T1546.003"}, true
	}
	return strong{}, false
}

// netlogon finds CVE-2020-1472. A credential of zeros is what one honest client in 2^64
// sends; five are none.
func netlogon(operation string, e *haechi.Event) (strong, bool) {
	if strings.HasPrefix(operation, "NetrServerAuthenticate") && e.Name == "zero credential" {
		return strong{severity: haechi.Critical, technique: "T1210", least: 5}, true
	}
	return strong{}, false
}

// guessable reports whether a ticket for the service may be sealed with what a person has
// chosen. Services that every machine of a domain offers (host and its aliases, attribute
// sPNMappings) run under the account of the machine, whose password is 120 random
// characters, and so it is with tickets for tickets. Of the aliases, http is left out: web
// servers often run under an account of their own.
func guessable(service string) bool {
	class, _, _ := strings.Cut(strings.ToLower(service), "/")
	switch class {
	case "", "krbtgt", "kadmin", "host", "cifs", "ldap", "gc", "dns", "rpc", "rpcss", "termsrv", "wsman", "restrictedkrbhost", "netlogon",
		"dcom", "scm", "spooler", "schedule", "eventlog", "e3514235-4b06-11d1-ab04-00c04fc2dcd2":
		return false
	}
	return !strings.HasSuffix(class, "$")
}

// administrative reports whether a path is on a share that Windows makes for its
// administrators: a drive's letter and $, or ADMIN$.
func administrative(path string) bool {
	share, _, _ := strings.Cut(path, `\`)
	if strings.EqualFold(share, "ADMIN$") {
		return true
	}
	return len(share) == 2 && share[1] == '$' && ('a' <= share[0]|0x20 && share[0]|0x20 <= 'z')
}

// moving says whether a port is of a service by which intruders move on.
func moving(port uint16) bool {
	switch port {
	case 22, 23, 135, 139, 445, 1433, 1521, 3306, 3389, 5432, 5900, 5985, 5986, 6379, 27017:
		return true
	}
	return false
}
