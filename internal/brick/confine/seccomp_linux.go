//go:build linux && (amd64 || arm64)

package confine

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// execs become another program.
func execs() []uint32 { return []uint32{unix.SYS_EXECVE, unix.SYS_EXECVEAT} }

// denied are the system calls that no serving process of ours needs: to reach into other processes, to change what is mounted, the kernel, its keys,
// its clock or its namespaces, and doors to the kernel that other filters do not see.
func denied() []uint32 {
	return append([]uint32{
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP,
		unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT,
		unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR,
		unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_SYSLOG,
		unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
		unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
		unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_PERSONALITY,
		unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
		unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
		unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_MKNODAT,
	}, deniedHere()...)
}

// Places in struct seccomp_data of linux/seccomp.h, and what makes a call of x32, another
// numbering that amd64 has.
const (
	atCall  = 0
	atArch  = 4
	atFirst = 16 // the low half of the first argument
	x32     = 0x40000000
)

// namespaces are the flags of clone(2) that make one.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP

const (
	load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
)

func refuse(e unix.Errno) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(e)}
}

// program is the filter: whoever asks for what is denied gets an error, as if he had no
// right to it.
func program(policy *Policy) []unix.SockFilter {
	pass := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}
	p := []unix.SockFilter{
		{Code: load, K: atArch},
		{Code: equal, K: arch, Jt: 1}, refuse(unix.EPERM),
		{Code: load, K: atCall},
		{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, K: x32, Jf: 1}, refuse(unix.EPERM),
		{Code: equal, K: unix.SYS_CLONE3, Jf: 1}, refuse(unix.ENOSYS), // its flags cannot be seen; libraries take clone then
	}
	calls := denied()
	if !policy.Exec {
		calls = append(calls, execs()...)
	}
	for _, call := range calls {
		p = append(p, unix.SockFilter{Code: equal, K: call, Jf: 1}, refuse(unix.EPERM))
	}
	p = append(p,
		unix.SockFilter{Code: equal, K: unix.SYS_CLONE, Jf: 4},
		unix.SockFilter{Code: load, K: atFirst},
		unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: namespaces, Jf: 1}, refuse(unix.EPERM), pass,
	)
	return append(append(p, sockets(policy.Sockets)...), pass)
}

// sockets refuses those of other families. What follows it lets pass.
func sockets(families []int) []unix.SockFilter {
	n := uint8(len(families))
	p := []unix.SockFilter{{Code: equal, K: unix.SYS_SOCKET, Jf: n + 2}, {Code: load, K: atFirst}}
	for i, f := range families {
		p = append(p, unix.SockFilter{Code: equal, K: uint32(f), Jt: n - uint8(i)})
	}
	return append(p, refuse(unix.EAFNOSUPPORT))
}

// filter puts the filter on every thread, and with it that none gets new privileges. The
// kernel does both by itself, so that it holds with cgo too.
func filter(policy *Policy) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid new privileges: %w", err)
	}
	p := program(policy)
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	other, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(p)
	if e != 0 {
		return fmt.Errorf("filter system calls: %w", e)
	}
	if other != 0 {
		return fmt.Errorf("filter system calls: thread %d has another filter", other)
	}
	return nil
}
