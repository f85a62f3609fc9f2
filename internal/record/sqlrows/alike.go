package sqlrows

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"haechi"
)

// Requests that were answered are most of what a busy gateway records, and those of one
// moment have most values in common. Binding a value costs as much as storing it, so
// such rows are written by a statement that is given the common values once.

// alike is what the rows of one such statement have in common.
type alike struct {
	second                                           int64
	service, method, host, class, agent, fingerprint string
	status                                           int
	flags                                            any
	localPort                                        uint16
	outcome                                          haechi.Outcome
}

// group are the events of a batch that are alike.
type group struct {
	key  alike
	rows []*haechi.Event
}

// groups sorts events into groups. What it holds is used again for the next batch.
type groups struct {
	at   map[alike]int
	list []group
	last int // the group of the event before: the next one is mostly its like
}

func sharedColumns() []string {
	return []string{"created_at", "kind", "status", "flags", "service", "n", "local_port", "method", "host", "http_status", "class", "user_agent", "ja4"}
}

func ownColumns() []string {
	return []string{"ns", "ip_address", "port", "session", "duration_ns", "bytes_in", "bytes_out", "path"}
}

// shareable reports whether an event fills no other columns than those two lists have.
func (c *encoder) shareable(e *haechi.Event) bool {
	return e.Kind == haechi.KindRequest && c.d.Numbered && unremarkable(e) && e.N() == 1 && e.Device == "" &&
		e.Room == "" && e.Frame == "" && line(e) == "" && c.client(&e.Actor) == nil
}

// add puts an event to its like.
func (g *groups) add(e *haechi.Event) {
	key := alike{second: e.Time.Unix(), service: e.Service, method: e.Method, host: e.Host, class: e.Class, agent: e.UserAgent,
		fingerprint: e.Fingerprint, status: e.Status, flags: flags(e), localPort: e.LocalPort, outcome: e.Outcome}
	if g.last >= len(g.list) || g.list[g.last].key != key {
		g.last = g.find(key)
	}
	one := &g.list[g.last]
	one.rows = append(one.rows, e)
}

func (g *groups) find(key alike) int {
	if i, ok := g.at[key]; ok {
		return i
	}
	if g.at == nil {
		g.at = make(map[alike]int)
	}
	n := len(g.list)
	g.at[key] = n
	if n < cap(g.list) { // with the rows' memory of an earlier batch
		g.list = g.list[:n+1]
		g.list[n] = group{key, g.list[n].rows[:0]}
	} else {
		g.list = append(g.list, group{key: key})
	}
	return n
}

// cut leaves whole statements in the groups; the others go to rest.
func (g *groups) cut(rest func(*haechi.Event)) {
	for i := range g.list {
		one := &g.list[i]
		whole := len(one.rows) / rowsAtOnce * rowsAtOnce
		for _, e := range one.rows[whole:] {
			rest(e)
		}
		clear(one.rows[whole:])
		one.rows = one.rows[:whole]
	}
}

// reset keeps the memory and nothing of what is in it.
func (g *groups) reset() {
	clear(g.at)
	for i := range g.list {
		one := &g.list[i]
		clear(one.rows)
		*one = group{rows: one.rows[:0]}
	}
	g.list, g.last = g.list[:0], 0
}

// alikeStatement writes rowsAtOnce rows. The first row's parameters are numbered by
// their places; the others name the common ones again.
func alikeStatement() string {
	shared, own := sharedColumns(), ownColumns()
	var again strings.Builder
	for i := range shared {
		again.WriteString("?" + strconv.Itoa(i+1) + ",")
	}
	values := strings.Repeat("?,", len(own)-1) + "?)"
	return "INSERT INTO events (" + strings.Join(shared, ",") + "," + strings.Join(own, ",") + ") VALUES (" +
		strings.Repeat("?,", len(shared)) + values + strings.Repeat(",("+again.String()+values, rowsAtOnce-1)
}

// insertAlike writes the groups.
func (a *appendState) insertAlike(ctx context.Context, tx *sql.Tx) error {
	for i := range a.groups.list {
		rest := a.groups.list[i].rows
		if len(rest) == 0 {
			continue
		}
		stmt := tx.StmtContext(ctx, a.alike)
		for ; len(rest) > 0; rest = rest[rowsAtOnce:] {
			a.args = a.enc.shared(a.args[:0], rest[0])
			for _, e := range rest[:rowsAtOnce] {
				a.args = a.enc.own(a.args, e)
			}
			if _, err := stmt.ExecContext(ctx, a.args...); err != nil {
				return err
			}
			a.breathe()
		}
	}
	return nil
}

// shared adds the values of sharedColumns.
func (c *encoder) shared(args []any, e *haechi.Event) []any {
	return append(args, c.at(e.Time), e.Kind.String(), status(e.Outcome), flags(e), c.short(e.Service), int64(1), number(int64(e.LocalPort)),
		c.short(e.Method), c.name(e.Host), number(int64(e.Status)), c.short(e.Class), c.long(e.UserAgent), c.short(e.Fingerprint))
}

// own adds the values of ownColumns.
func (c *encoder) own(args []any, e *haechi.Event) []any {
	return append(args, e.Time.UnixNano(), text(c.addr(e.Addr)), number(int64(e.Port)), number(int64(e.Session)),
		number(int64(e.Duration)), number(e.BytesIn), number(e.BytesOut), c.long(e.Path))
}
