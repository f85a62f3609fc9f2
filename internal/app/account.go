package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"haechi"
	"haechi/internal/brick/child"
	"haechi/internal/config"
)

// opRun is what an error of a start says that was being done.
const opRun = "start the gateway"

// servant is the user that a gateway which root started runs as: the one that the file
// names, or whom the state folder belongs to. nil: the gateway runs as who started it.
func servant(cfg *config.Config) (*user.User, error) {
	name, own := cfg.User, os.Geteuid()
	if name == "" {
		if own != 0 {
			return nil, nil
		}
		uid, ok := ownerOf(cfg.State)
		if !ok || uid == 0 {
			return nil, nil
		}
		name = strconv.FormatUint(uint64(uid), 10)
	}
	u, err := findUser(name)
	if err != nil {
		return nil, err
	}
	switch {
	case u.Uid == strconv.Itoa(own):
		return nil, nil
	case own != 0:
		return nil, &haechi.Error{Kind: haechi.Denied, Op: opRun, Msg: fmt.Sprintf("the file says user: %s, and only root can become it", name),
			Hint: "start it as root, or as " + name + ", or take user: out of the file"}
	}
	return u, nil
}

// findUser finds a user by name or number. A number needs no account, and is its own group
// then.
func findUser(name string) (*user.User, error) {
	u, err := user.Lookup(name)
	if err == nil {
		return u, nil
	}
	n, bad := strconv.ParseUint(name, 10, 31)
	if bad != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: opRun, Msg: fmt.Sprintf("there is no user %q", name), Hint: "adduser --system --group " + name}
	}
	id := strconv.FormatUint(n, 10)
	if u, err := user.LookupId(id); err == nil {
		return u, nil
	}
	return &user.User{Uid: id, Gid: id, Username: id, HomeDir: "/nonexistent"}, nil
}

func ownerOf(path string) (uid uint32, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return st.Uid, true
}

// accountOf is the user with all its groups, and with the right to bind ports below 1024
// where this process has it.
func accountOf(u *user.User) (*child.Account, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", u.Username, err)
	}
	a := &child.Account{UID: uint32(uid), GID: uint32(gid)}
	groups, err := u.GroupIds()
	if err != nil {
		groups = nil // a number without an account
	}
	for _, g := range groups {
		if n, err := strconv.ParseUint(g, 10, 32); err == nil && uint32(n) != a.GID {
			a.Groups = append(a.Groups, uint32(n))
		}
	}
	if has(unix.CAP_NET_BIND_SERVICE) {
		a.Keep = []int{unix.CAP_NET_BIND_SERVICE}
	}
	return a, nil
}

// has reports whether this process has a capability below 32.
func has(capability int) bool {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var now [2]unix.CapUserData
	return unix.Capget(&head, &now[0]) == nil && now[0].Permitted&(1<<capability) != 0
}

// giveState makes the state folder, for the user alone. One that is there must be the
// user's with all that lies in it: whose files they are is the operator's to change.
func giveState(dir string, uid, gid int) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return &haechi.Error{Kind: haechi.Unavailable, Op: opRun, Err: err}
	}
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = os.Chown(dir, uid, gid)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return &haechi.Error{Kind: haechi.Unavailable, Op: opRun, Err: err}
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		}
		if err != nil {
			return &haechi.Error{Kind: haechi.Unavailable, Op: opRun, Err: err}
		}
		info, err := d.Info()
		if err != nil {
			return nil // gone meanwhile
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != uid {
			return &haechi.Error{Kind: haechi.Conflict, Op: opRun, Msg: fmt.Sprintf("%s does not belong to the gateway's user %d", path, uid),
				Hint: fmt.Sprintf("chown -R %d:%d %s", uid, gid, dir)}
		}
		return nil
	})
}
