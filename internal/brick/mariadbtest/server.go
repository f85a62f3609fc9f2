package mariadbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver that Server.Open names
)

// Server is one private MariaDB server.
type Server struct {
	Port int // on 127.0.0.1

	dir  string
	bin  string
	more []string
	proc *exec.Cmd
	done chan error
}

// logSize keeps small what an empty server writes.
const logSize = "--innodb-log-file-size=16M"

// startFor bounds the wait for a server to answer.
const startFor = 60 * time.Second

// Start installs an empty data folder and starts a server on it, with more options if
// there are any. The server ends with the test.
func Start(t testing.TB, more ...string) *Server {
	t.Helper()
	bin, err := find("mariadbd")
	if err != nil {
		missing(t, err)
	}
	// A Unix socket's path is short, so the folder is not the test's own.
	dir, err := os.MkdirTemp("", "haechi-maria-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &Server{Port: freePort(t), dir: dir, bin: bin, more: more}
	if err := s.install(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	return s
}

func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%v: test/install.sh installs mariadb-server", err)
	}
	t.Skipf("%v: install Debian's mariadb-server, or run test/install.sh", err)
}

func find(name string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	if p := filepath.Join("/usr/sbin", name); exists(p) {
		return p, nil
	}
	return "", fmt.Errorf("%s is not installed", name)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Socket is the path of the Unix socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, "sock") }

// Shared is the variable of the environment that names a folder in which the first server
// of a run of tests leaves its empty data, for the others to copy: to install takes seconds
// of waiting for the disk.
const Shared = "HAECHI_MARIADB"

func (s *Server) install() error {
	dir := os.Getenv(Shared)
	if dir == "" {
		return s.empty(s.data())
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // which unlocks
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", dir, err)
	}
	first := filepath.Join(dir, "empty")
	if !exists(first) {
		if err := errors.Join(s.empty(first+".new"), os.Rename(first+".new", first)); err != nil {
			return err
		}
	}
	return os.CopyFS(s.data(), os.DirFS(first))
}

// empty makes a folder with the data of an empty server.
func (s *Server) empty(dir string) error {
	tool, err := exec.LookPath("mariadb-install-db")
	if err != nil {
		return err
	}
	cmd := exec.Command(tool, "--no-defaults", "--datadir="+dir, "--auth-root-authentication-method=normal",
		"--skip-test-db", "--user="+user(), logSize)
	env, err := s.environment()
	if err != nil {
		return err
	}
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("install an empty MariaDB: %w\n%s", err, out)
	}
	return nil
}

// environment gives the server a folder of its own for temporary tables: one that
// starts deletes those it finds there, and two tests may run at the same time.
func (s *Server) environment() ([]string, error) {
	tmp := filepath.Join(s.dir, "tmp")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return nil, err
	}
	return append(os.Environ(), "TMPDIR="+tmp), nil
}

// user is whom the server runs as: it refuses to be root unless told so.
func user() string {
	if os.Getuid() == 0 {
		return "root"
	}
	return strconv.Itoa(os.Getuid())
}

// Restart starts the server on its data and waits until it answers. It must not
// be running.
func (s *Server) Restart() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	s.proc = exec.Command(s.bin, append([]string{"--no-defaults", "--datadir=" + s.data(), "--socket=" + s.Socket(), "--user=" + user(),
		"--bind-address=127.0.0.1", "--port=" + strconv.Itoa(s.Port), "--port-open-timeout=30", "--skip-name-resolve",
		"--innodb-buffer-pool-size=64M", logSize, "--character-set-server=utf8mb4",
		"--collation-server=utf8mb4_general_ci"}, s.more...)...)
	s.proc.Stdout, s.proc.Stderr = log, log
	if s.proc.Env, err = s.environment(); err != nil {
		return err
	}
	s.proc.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.proc.Start(); err != nil {
		return err
	}
	s.done = make(chan error, 1)
	go func(p *exec.Cmd, done chan<- error) { done <- p.Wait() }(s.proc, s.done)
	return s.await()
}

func (s *Server) await() error {
	db, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), startFor)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if db.PingContext(ctx) == nil {
			return nil
		}
		select {
		case err := <-s.done:
			s.done <- err
			return fmt.Errorf("MariaDB ended at once: %w\n%s", err, s.Log())
		case <-ctx.Done():
			return fmt.Errorf("MariaDB does not answer: %w\n%s", ctx.Err(), s.Log())
		case <-tick.C:
		}
	}
}

// Log is what the server wrote to its log so far.
func (s *Server) Log() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "log")) // an unreadable log is an empty one
	return string(b)
}

// Kill ends the server at once, as kill -9 does, and waits until it is gone. A
// server that is not running is left so.
func (s *Server) Kill() {
	if s.proc == nil {
		return
	}
	_ = s.proc.Process.Kill()
	<-s.done
	s.proc = nil
}

// Hang stops the server without ending it: connections stay, nothing is answered. The
// returned function lets it go on.
func (s *Server) Hang(t testing.TB) (goOn func()) {
	t.Helper()
	p := s.proc.Process
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !stopped(p.Pid) {
		select {
		case <-t.Context().Done():
			t.Fatal("MariaDB does not stop")
		case <-tick.C:
		}
	}
	return func() {
		if err := p.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
}

// stopped reports whether every thread of the process stands still.
func stopped(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		return false
	}
	for _, file := range threads {
		b, err := os.ReadFile(file)
		_, state, found := strings.Cut(string(b), ") ") // the name before may hold anything
		if err == nil && (!found || state[0] != 'T') {
			return false
		}
	}
	return true
}

// DSN names a database on the server, by TCP as root without a password. An empty
// name names none.
func (s *Server) DSN(database string) string {
	return fmt.Sprintf("root@tcp(127.0.0.1:%d)/%s?parseTime=true&multiStatements=true", s.Port, database)
}

// Open makes an empty database of that name and opens it.
func (s *Server) Open(t testing.TB, database string) *sql.DB {
	t.Helper()
	root, err := sql.Open("mysql", s.DSN(""))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	for _, q := range []string{"DROP DATABASE IF EXISTS `" + database + "`", "CREATE DATABASE `" + database + "`"} {
		if _, err := root.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	db, err := sql.Open("mysql", s.DSN(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}
