package app

import "golang.org/x/sys/unix"

// reserve is what the events leave free on the disk of the state folder, in bytes:
// decisions, the audit log and the device registry need it when a flood of events
// would fill the disk.
const reserve = 64 << 20

// hasRoom reports whether the disk of the folder has more than the reserve left. One
// that cannot be asked is taken to have room: a write will tell.
func hasRoom(dir string) bool {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil || s.Bsize <= 0 || s.Blocks == 0 {
		return true
	}
	return s.Bavail > reserve/uint64(s.Bsize)
}
