package kakaodb

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// maxProcesses bounds the running servers that are read.
const maxProcesses = 64

// Process is a running server.
type Process struct {
	Name string
	Addr string // host:port
	Type string // live, test or what the table says; empty: it has no such column
}

// Processes reads the running servers of kb_server_processes, by their name. The
// host is the one given; empty: the server's own from kb_servers, or that of its
// supervisor.
func (s *Source) Processes(ctx context.Context, host string) ([]Process, error) {
	cols, err := s.discover(ctx, "kb_server_processes", []string{"port", "status"}, "process_name", "type", "server_id", "supervisor_host")
	if err != nil {
		return nil, err
	}
	hosts, err := s.hosts(ctx, cols)
	if err != nil {
		return nil, err
	}
	names := cols.has("port", "process_name", "type", "server_id", "supervisor_host")
	order := names[min(1, len(names)-1)]
	found, err := s.db.QueryContext(ctx, "SELECT "+quoted(names)+" FROM kb_server_processes WHERE CAST(status AS BINARY) = 'running' ORDER BY `"+order+
		"` LIMIT "+strconv.Itoa(maxProcesses))
	if err != nil {
		return nil, fmt.Errorf("read kb_server_processes: %w", err)
	}
	defer func() { _ = found.Close() }() // Err has what went wrong
	var out []Process
	unusable := uint64(0)
	for found.Next() {
		v, err := texts(found, names)
		if err != nil {
			return nil, fmt.Errorf("read kb_server_processes: %w", err)
		}
		addr, ok := address(v["port"], host, hosts[v["server_id"]], v["supervisor_host"])
		if !ok {
			unusable++
			continue
		}
		out = append(out, Process{Name: v["process_name"], Addr: addr, Type: v["type"]})
	}
	s.unusable.Store(unusable)
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("read kb_server_processes: %w", err)
	}
	return out, nil
}

// hosts are those of kb_servers by their id; none where there is no such table, or
// nothing that leads to it.
func (s *Source) hosts(ctx context.Context, processes columns) (map[string]string, error) {
	if _, ok := processes["server_id"]; !ok {
		return nil, nil
	}
	cols, err := s.discover(ctx, "kb_servers", nil, "server_id", "id", "server_host")
	if err != nil {
		return nil, err
	}
	id := cols.has("server_id", "id")
	if len(id) == 0 || len(cols.has("server_host")) == 0 {
		return nil, nil
	}
	found, err := s.db.QueryContext(ctx, "SELECT "+quoted([]string{id[0], "server_host"})+" FROM kb_servers LIMIT 1000")
	if err != nil {
		return nil, fmt.Errorf("read kb_servers: %w", err)
	}
	defer func() { _ = found.Close() }() // Err has what went wrong
	out := map[string]string{}
	for found.Next() {
		v, err := texts(found, []string{"id", "host"})
		if err != nil {
			return nil, fmt.Errorf("read kb_servers: %w", err)
		}
		out[v["id"]] = v["host"]
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("read kb_servers: %w", err)
	}
	return out, nil
}

// texts reads a row by the names of its columns; NULL is empty.
func texts(found *sql.Rows, names []string) (map[string]string, error) {
	raw := make([]sql.RawBytes, len(names))
	into := make([]any, len(names))
	for i := range raw {
		into[i] = &raw[i]
	}
	if err := found.Scan(into...); err != nil {
		return nil, err
	}
	out := make(map[string]string, len(names))
	for i, n := range names {
		out[n] = short(raw[i], 253)
	}
	return out, nil
}

// address joins a port with the first host that names a machine: what a server
// binds to when it binds to all is none.
func address(port string, hosts ...string) (string, bool) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", false
	}
	for _, h := range hosts {
		h = strings.TrimSpace(h)
		if a, err := netip.ParseAddr(h); err == nil && a.IsUnspecified() || h == "" || strings.ContainsAny(h, " /@:") && err != nil {
			continue
		}
		return net.JoinHostPort(h, strconv.FormatUint(n, 10)), true
	}
	return "", false
}

// Follow reads the running servers every so often and tells them, until ctx ends. A
// failed reading tells nothing: the last servers known stay. The first beginning of
// a silence is logged. It returns nil.
func (s *Source) Follow(ctx context.Context, every time.Duration, host string, tell func([]Process)) error {
	t := time.NewTicker(every)
	defer t.Stop()
	silent := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		err := s.look(ctx, every, host, tell)
		if err != nil && !silent && ctx.Err() == nil {
			s.cfg.Log.Error("the running servers cannot be read from the database; the last known stay", "err", err)
		}
		if err == nil && silent {
			s.cfg.Log.Info("the running servers can be read from the database again")
		}
		silent = err != nil
	}
}

func (s *Source) look(ctx context.Context, every time.Duration, host string, tell func([]Process)) error {
	ctx, stop := context.WithTimeout(ctx, max(every, dialFor))
	defer stop()
	found, err := s.Processes(ctx, host)
	if err == nil {
		tell(found)
	}
	return err
}
