package xdp

import (
	"errors"
	"net"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"

	"haechi"
)

// Probe asks whether this process could enforce on the interfaces. It attaches nothing.
// Errors are those of [Open]; one of kind Denied says that this process cannot, one of
// kind Unavailable or NotFound that this machine cannot, and any other that it is not
// known.
func Probe(netns int, dir string, interfaces []string) error {
	if err := features.HaveProgramType(ebpf.XDP); err != nil {
		return failed("load an XDP program", err)
	}
	if err := checkFolder(dir); err != nil {
		return err
	}
	if len(interfaces) == 0 {
		return &haechi.Error{Kind: haechi.NotFound, Op: "attach the XDP program", Msg: "no interface is named",
			Hint: "name those on which attackers come in shield.interfaces"}
	}
	return within(netns, func() error {
		for _, name := range interfaces {
			i, err := net.InterfaceByName(name)
			if err != nil {
				return &haechi.Error{Kind: haechi.NotFound, Op: "attach the XDP program", Msg: "there is no interface " + name, Err: err,
					Hint: "ip link lists the names; write them in shield.interfaces"}
			}
			if i.Flags&net.FlagLoopback != 0 {
				return &haechi.Error{Kind: haechi.Invalid, Op: "attach the XDP program", Msg: name + " is the loopback interface",
					Hint: "name the interfaces on which others come"}
			}
		}
		return nil
	})
}

// Left reports whether an earlier process left a table in force.
func Left(dir string) bool {
	_, err := os.Stat(dir + "/haechi_control")
	return err == nil || errors.Is(err, unix.EACCES)
}
