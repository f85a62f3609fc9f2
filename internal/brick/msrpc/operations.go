package msrpc

// operation names an operation, as the protocol document of the interface does.
func (i Interface) operation(n uint16) string {
	switch i {
	case Svcctl:
		return svcctl(n)
	case TaskScheduler:
		return taskScheduler(n)
	case Atsvc:
		return one(n, "NetrJobAdd", "NetrJobDel", "NetrJobEnum", "NetrJobGetInfo")
	case Netlogon:
		return netlogon(n)
	case Drsuapi:
		return drsuapi(n)
	case Samr:
		return samr(n)
	case Winreg:
		return winreg(n)
	case WbemServices:
		return wbemServices(n)
	}
	return i.small(n)
}

// one is the name in a list that begins at number 0.
func one(n uint16, names ...string) string {
	if int(n) < len(names) {
		return names[n]
	}
	return ""
}

// small names operations of interfaces of which few count.
func (i Interface) small(n uint16) string {
	switch i {
	case Srvsvc:
		return srvsvc(n)
	case Wkssvc:
		return one(n, "NetrWkstaGetInfo", "NetrWkstaSetInfo", "NetrWkstaUserEnum")
	case Epmapper:
		return one(n, "ept_insert", "ept_delete", "ept_lookup", "ept_map")
	case OXIDResolver:
		return one(n, "ResolveOxid", "SimplePing", "ComplexPing", "ServerAlive", "ResolveOxid2", "ServerAlive2")
	case SCMActivator:
		return one(n, "", "", "", "RemoteGetClassObject", "RemoteCreateInstance")
	case Activation:
		return one(n, "RemoteActivation")
	case RemUnknown:
		return one(n, "", "", "", "RemQueryInterface", "RemAddRef", "RemRelease", "RemQueryInterface2")
	case Dispatch:
		return one(n, "", "", "", "GetTypeInfoCount", "GetTypeInfo", "GetIDsOfNames", "Invoke")
	case WbemLogin:
		return one(n, "", "", "", "EstablishPosition", "RequestChallenge", "WBEMLogin", "NTLMLogin")
	case WbemEnum:
		return one(n, "", "", "", "Reset", "Next", "NextAsync", "Clone", "Skip")
	case Shutdown:
		return one(n, "BaseInitiateShutdown", "BaseAbortShutdown", "BaseInitiateShutdownEx")
	case Efsrpc:
		return one(n, "EfsRpcOpenFileRaw", "EfsRpcReadFileRaw", "EfsRpcWriteFileRaw", "EfsRpcCloseRaw", "EfsRpcEncryptFileSrv", "EfsRpcDecryptFileSrv")
	case Backupkey:
		return one(n, "BackuprKey")
	case Spoolss:
		return spoolss(n)
	case Eventlog:
		return one(n, "ElfrClearELFW", "ElfrBackupELFW", "ElfrCloseEL")
	}
	return ""
}

func svcctl(n uint16) string {
	switch n {
	case 0, 1, 2:
		return one(n, "CloseServiceHandle", "ControlService", "DeleteService")
	case 6, 7, 8:
		return one(n-6, "QueryServiceStatus", "SetServiceStatus", "NotifyBootConfigStatus")
	case 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21:
		return one(n-11, "ChangeServiceConfigW", "CreateServiceW", "EnumDependentServicesW", "EnumServicesStatusW", "OpenSCManagerW", "OpenServiceW",
			"QueryServiceConfigW", "QueryServiceLockStatusW", "StartServiceW", "GetServiceDisplayNameW", "GetServiceKeyNameW")
	case 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33:
		return one(n-23, "ChangeServiceConfigA", "CreateServiceA", "EnumDependentServicesA", "EnumServicesStatusA", "OpenSCManagerA", "OpenServiceA",
			"QueryServiceConfigA", "QueryServiceLockStatusA", "StartServiceA", "GetServiceDisplayNameA", "GetServiceKeyNameA")
	case 36, 37, 38, 39, 40, 41, 42:
		return one(n-36, "ChangeServiceConfig2A", "ChangeServiceConfig2W", "QueryServiceConfig2A", "QueryServiceConfig2W", "QueryServiceStatusEx",
			"EnumServicesStatusExA", "EnumServicesStatusExW")
	case 44, 45:
		return one(n-44, "CreateServiceWOW64A", "CreateServiceWOW64W")
	case 60:
		return "CreateWowService"
	case 64:
		return "OpenSCManager2"
	}
	return ""
}

func taskScheduler(n uint16) string {
	return one(n, "SchRpcHighestVersion", "SchRpcRegisterTask", "SchRpcRetrieveTask", "SchRpcCreateFolder", "SchRpcSetSecurity", "SchRpcGetSecurity",
		"SchRpcEnumFolders", "SchRpcEnumTasks", "SchRpcEnumInstances", "SchRpcGetInstanceInfo", "SchRpcStopInstance", "SchRpcStop", "SchRpcRun",
		"SchRpcDelete", "SchRpcRename", "SchRpcScheduledRuntimes", "SchRpcGetLastRunInfo", "SchRpcGetTaskInfo", "SchRpcGetNumberOfMissedRuns",
		"SchRpcEnableTask")
}

func netlogon(n uint16) string {
	switch n {
	case 2, 3, 4, 5, 6:
		return one(n-2, "NetrLogonSamLogon", "NetrLogonSamLogoff", "NetrServerReqChallenge", "NetrServerAuthenticate", "NetrServerPasswordSet")
	case 15:
		return "NetrServerAuthenticate2"
	case 21:
		return "NetrLogonGetCapabilities"
	case 26:
		return "NetrServerAuthenticate3"
	case 29, 30:
		return one(n-29, "NetrLogonGetDomainInfo", "NetrServerPasswordSet2")
	case 34:
		return "DsrGetDcNameEx2"
	case 39, 40:
		return one(n-39, "NetrLogonSamLogonEx", "DsrEnumerateDomainTrusts")
	case 45:
		return "NetrLogonSamLogonWithFlags"
	}
	return ""
}

// Challenges reports whether an operation of Netlogon hands a credential over that an
// attacker would guess, and how many bytes follow the credential.
func Challenges(number uint16) (after int, ok bool) {
	switch number {
	case 5:
		return 0, true
	case 15, 26:
		return 4, true
	}
	return 0, false
}

func drsuapi(n uint16) string {
	switch n {
	case 12:
		return "DsCrackNames"
	case 16, 17:
		return one(n-16, "DsDomainControllerInfo", "DsAddEntry")
	}
	return one(n, "DsBind", "DsUnbind", "DsReplicaSync", "DsGetNCChanges", "DsReplicaUpdateRefs", "DsReplicaAdd", "DsReplicaDel")
}

func samr(n uint16) string {
	switch n {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		return one(n, "SamrConnect", "SamrCloseHandle", "SamrSetSecurityObject", "SamrQuerySecurityObject", "SamrShutdownSamServer", "SamrLookupDomain",
			"SamrEnumerateDomains", "SamrOpenDomain")
	case 13:
		return "SamrEnumerateUsers"
	case 17, 18, 19:
		return one(n-17, "SamrLookupNames", "SamrLookupIds", "SamrOpenGroup")
	case 25:
		return "SamrGetMembersInGroup"
	case 33, 34:
		return one(n-33, "SamrGetMembersInAlias", "SamrOpenUser")
	case 36, 37, 38:
		return one(n-36, "SamrQueryUser", "SamrSetUser", "SamrChangePassword")
	case 50:
		return "SamrCreateUser2"
	case 55:
		return "SamrUnicodeChangePassword2"
	case 57, 58:
		return one(n-57, "SamrConnect2", "SamrSetUser2")
	case 62, 64:
		return one((n-62)/2, "SamrConnect4", "SamrConnect5")
	}
	return ""
}

func winreg(n uint16) string {
	switch n {
	case 22:
		return "BaseRegSetValue"
	case 20:
		return "BaseRegSaveKey"
	}
	return one(n, "OpenClassesRoot", "OpenCurrentUser", "OpenLocalMachine", "OpenPerformanceData", "OpenUsers", "BaseRegCloseKey", "BaseRegCreateKey",
		"BaseRegDeleteKey", "BaseRegDeleteValue", "BaseRegEnumKey", "BaseRegEnumValue", "BaseRegFlushKey", "BaseRegGetKeySecurity", "BaseRegLoadKey",
		"", "BaseRegOpenKey", "BaseRegQueryInfoKey", "BaseRegQueryValue", "BaseRegReplaceKey", "BaseRegRestoreKey")
}

func srvsvc(n uint16) string {
	switch n {
	case 8, 9:
		return one(n-8, "NetrConnectionEnum", "NetrFileEnum")
	case 12:
		return "NetrSessionEnum"
	case 14, 15, 16, 17, 18:
		return one(n-14, "NetrShareAdd", "NetrShareEnum", "NetrShareGetInfo", "NetrShareSetInfo", "NetrShareDel")
	case 21:
		return "NetrServerGetInfo"
	case 28:
		return "NetrRemoteTOD"
	}
	return ""
}

func wbemServices(n uint16) string {
	return one(n, "", "", "", "OpenNamespace", "CancelAsyncCall", "QueryObjectSink", "GetObject", "GetObjectAsync", "PutClass", "PutClassAsync",
		"DeleteClass", "DeleteClassAsync", "CreateClassEnum", "CreateClassEnumAsync", "PutInstance", "PutInstanceAsync", "DeleteInstance",
		"DeleteInstanceAsync", "CreateInstanceEnum", "CreateInstanceEnumAsync", "ExecQuery", "ExecQueryAsync", "ExecNotificationQuery",
		"ExecNotificationQueryAsync", "ExecMethod", "ExecMethodAsync")
}

func spoolss(n uint16) string {
	switch n {
	case 0, 1:
		return one(n, "RpcEnumPrinters", "RpcOpenPrinter")
	case 65:
		return "RpcRemoteFindFirstPrinterChangeNotificationEx"
	case 69:
		return "RpcOpenPrinterEx"
	case 89:
		return "RpcAddPrinterDriverEx"
	}
	return ""
}
