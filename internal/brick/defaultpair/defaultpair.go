package defaultpair

// Of names the list on which a pair is, "mirai" or "vendor", and is empty for none. Both
// are compared as they are, case included, as the devices do.
func Of(user, password []byte) string {
	switch {
	case mirai(user, password):
		return "mirai"
	case vendor(user, password):
		return "vendor"
	}
	return ""
}

func mirai(user, password []byte) bool {
	switch string(user) {
	case "root":
		return among(password, "", "00000000", "1111", "1234", "12345", "123456", "54321", "666666", "7ujMko0admin", "7ujMko0vizxv", "888888",
			"Zte521", "admin", "anko", "default", "dreambox", "hi3518", "ikwb", "juantech", "jvbzd", "klv123", "klv1234", "pass", "password",
			"realtek", "root", "system", "user", "vizxv", "xc3511", "xmhdipc", "zlxx.")
	case "admin":
		return among(password, "", "1111", "1111111", "1234", "12345", "123456", "54321", "7ujMko0admin", "admin", "admin1234", "meinsm",
			"pass", "password", "smcadmin")
	case "guest":
		return among(password, "guest", "12345")
	case "support", "user", "service", "supervisor", "666666", "888888", "ubnt", "tech":
		return string(password) == string(user)
	case "Administrator":
		return among(password, "admin", "1234")
	case "admin1":
		return string(password) == "password"
	case "mother":
		return string(password) == "fucker"
	}
	return false
}

// vendor: Raspberry Pi OS before 2022, Dell iDRAC, Supermicro's controllers, Cisco's first
// setup, LibreELEC and OSMC, Vagrant's boxes, Zabbix, Apache Tomcat's example, and what
// routers ask to be changed.
func vendor(user, password []byte) bool {
	switch string(user) {
	case "pi":
		return string(password) == "raspberry"
	case "root":
		return among(password, "calvin", "libreelec", "openelec")
	case "ADMIN", "cisco", "osmc", "vagrant", "tomcat":
		return string(password) == string(user)
	case "Admin":
		return string(password) == "zabbix"
	case "admin":
		return among(password, "changeme", "default")
	}
	return false
}

func among(password []byte, list ...string) bool {
	for _, p := range list {
		if string(password) == p {
			return true
		}
	}
	return false
}
