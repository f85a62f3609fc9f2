package app

import (
	"log/slog"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"haechi/internal/brick/confine"
	"haechi/internal/config"
	"haechi/internal/enforce/shield"
)

// confineShield takes from the shield process what it does not need to serve, and says
// what it could not take. It goes on all the same: a kernel without Landlock still drops.
func confineShield(o *ShieldOptions, s *config.Shield) (open string) {
	if o.Open {
		o.Log.Warn("the shield process does not confine itself, since it was started so", "flag", "--sandbox off")
		return "it was started with --sandbox off"
	}
	return tellLayers(o.Log, "shield process", confine.Apply(shieldNeeds(s)))
}

// shieldNeeds is what the shield goes on needing: to change the packet filter and to open
// packet sockets; to read deny lists; to see who is around and which processors there are; to take its socket
// away; and to pin what outlives it, in a folder that it makes again when it is gone. The setting of SYN cookies is
// open by then.
func shieldNeeds(s *config.Shield) confine.Policy {
	return confine.Policy{
		Sockets: []int{unix.AF_UNIX, unix.AF_NETLINK, unix.AF_PACKET},

		Keep:  []int{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_BPF, unix.CAP_PERFMON},
		Read:  append(listFolders(s), "/proc", "/sys/devices/system/cpu", "/sys/kernel/btf", "/etc/resolv.conf", "/run/systemd/resolve", "/etc/localtime"),
		Write: []string{filepath.Dir(s.Socket), filepath.Dir(s.Pins)},
	}
}

// tellLayers logs each layer of a process that does not hold, and gathers them.
func tellLayers(log *slog.Logger, who string, all []confine.Layer) string {
	var open []string
	for _, l := range all {
		switch l.Held {
		case confine.Yes:
			continue
		case confine.No:
			open = append(open, l.Name+" cannot be had ("+l.Err.Error()+")")
		default:
			open = append(open, l.Name+" failed, and may hold in part ("+l.Err.Error()+")")
		}
		log.Warn("the "+who+" is not confined as it should be; it goes on all the same", "layer", l.Name, "err", l.Err)
	}
	return strings.Join(open, "; ")
}

// shieldOpen says what the shield process has not given up, if so.
func (e *estate) shieldOpen() string {
	for _, k := range e.kernels {
		if c, ok := k.(*shield.Client); ok && c.Unconfined() != "" {
			return "the shield process is not confined as it should be: " + c.Unconfined()
		}
	}
	return ""
}
