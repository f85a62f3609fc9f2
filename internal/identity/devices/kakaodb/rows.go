package kakaodb

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"haechi"
	"haechi/internal/identity/devices"
)

// digest stands for the columns of all rows that count.
type digest struct {
	rows     int64
	sum, mix uint64
}

// telling are the columns whose change is news. A handshake of a server changes the
// others all day.
func telling() []string {
	return []string{"bot_name", "device_id", "status", "max_message_size", "rejection_reason"}
}

// digest asks the database for it: a scan there, one row on the wire.
func (s *Source) digest(ctx context.Context) (d digest, err error) {
	var parts []string
	for _, c := range s.cols.has(telling()...) {
		// Byte for byte, and NULL apart from every text.
		parts = append(parts, fmt.Sprintf("IF(`%s` IS NULL, 0x00, CONCAT(0x01, CAST(`%s` AS BINARY)))", c, c))
	}
	row := "CONCAT_WS(0x00, " + strings.Join(parts, ", ") + ")"
	query := fmt.Sprintf("SELECT COUNT(*), COALESCE(SUM(CRC32(%s)), 0), COALESCE(BIT_XOR(CRC32(CONCAT(0x02, %s))), 0) FROM kb_bot_devices", row, row)
	s.digests.Add(1)
	if err := s.db.QueryRowContext(ctx, query).Scan(&d.rows, &d.sum, &d.mix); err != nil {
		return d, fmt.Errorf("look for changes in kb_bot_devices: %w", err)
	}
	return d, nil
}

// rows reads every device, up to the bound.
func (s *Source) rows(ctx context.Context) ([]devices.Row, error) {
	cols := s.cols.has("bot_name", "device_id", "status", "max_message_size", "rejection_reason", "approved_at", "updated_at", "client_type", "client_version")
	query := "SELECT " + quoted(cols) + " FROM kb_bot_devices"
	if _, ok := s.cols["id"]; ok {
		query += " ORDER BY `id`" // beyond the bound it is always the newest that are left out
	}
	s.reads.Add(1)
	found, err := s.db.QueryContext(ctx, query+" LIMIT "+strconv.Itoa(s.cfg.MaxRows+1))
	if err != nil {
		return nil, fmt.Errorf("read kb_bot_devices: %w", err)
	}
	defer func() { _ = found.Close() }() // Err has what went wrong
	r := reader{cols: cols, raw: make([]sql.RawBytes, len(cols)), zone: s.cfg.Zone, states: states()}
	out := make([]devices.Row, 0, 1024)
	for found.Next() {
		if len(out) == s.cfg.MaxRows {
			s.over.Add(1)
			s.cfg.Log.Warn("kb_bot_devices has more rows than are read; devices in the others are not admitted", "read", s.cfg.MaxRows)
			break
		}
		row, err := r.row(found)
		if err != nil {
			return nil, fmt.Errorf("read kb_bot_devices: %w", err)
		}
		out = append(out, row)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("read kb_bot_devices: %w", err)
	}
	s.unknown.Store(r.unknown)
	return out, nil
}

// reader turns rows into devices.
type reader struct {
	cols    []string
	raw     []sql.RawBytes
	zone    *time.Location
	states  map[string]haechi.DeviceStatus
	unknown uint64
}

// states are the statuses as they are written in the table, and no other way.
func states() map[string]haechi.DeviceStatus {
	out := map[string]haechi.DeviceStatus{}
	for _, s := range []haechi.DeviceStatus{haechi.Pending, haechi.Approved, haechi.DeniedDevice, haechi.Revoked, haechi.Blocked} {
		out[s.String()] = s
	}
	return out
}

const maxReason = 200 // bytes shown of a reason

func (r *reader) row(found *sql.Rows) (out devices.Row, err error) {
	into := make([]any, len(r.raw))
	for i := range r.raw {
		into[i] = &r.raw[i]
	}
	if err := found.Scan(into...); err != nil {
		return out, err
	}
	var approved, updated time.Time
	for i, c := range r.cols {
		v := r.raw[i]
		switch c {
		case "bot_name":
			out.Bot = string(v)
		case "device_id":
			out.Serial = string(v)
		case "status":
			r.status(&out, v)
		case "max_message_size":
			out.MaxFrame = size(v)
		case "rejection_reason":
			out.Reason = short(v, maxReason)
		case "approved_at":
			approved = r.time(v)
		case "updated_at":
			updated = r.time(v)
		case "client_type":
			out.ClientType = short(v, 50)
		case "client_version":
			out.Version = short(v, 20)
		}
	}
	out.ChangedAt = updated
	if out.Status == haechi.Approved {
		out.Reason = "" // of an earlier refusal
		if !approved.IsZero() {
			out.ChangedAt = approved
		}
	}
	return out, nil
}

// status takes one of the known words, byte for byte. Anything else is a denial.
func (r *reader) status(out *devices.Row, v sql.RawBytes) {
	if s, ok := r.states[string(v)]; ok && v != nil {
		out.Status, out.Text = s, s.String()
		return
	}
	r.unknown++
	out.Status, out.Text = haechi.DeniedDevice, strconv.Quote(short(v, 32))
	if v == nil {
		out.Text = "NULL"
	}
}

// size reads a number of bytes; anything but one is none.
func size(v sql.RawBytes) int {
	n, err := strconv.Atoi(string(v))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func (r *reader) time(v sql.RawBytes) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", string(v), r.zone) // with or without fractions
	if err != nil {
		return time.Time{}
	}
	return t
}

// short bounds a text and takes out what is not fit to be shown.
func short(v sql.RawBytes, most int) string {
	text := strings.ToValidUTF8(string(v[:min(len(v), most)]), "")
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, text)
}
