package kakaodb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"

	"haechi"
)

// The longest names, in characters: of the narrowest columns known. A longer one
// makes the servers' own approval check fail open.
const (
	maxBot    = 30
	maxSerial = 100
)

// Offer implements [devices.Source]: it inserts a pending row, of the columns that
// are there. A row that the database takes for the same, by its collation or a
// unique key, is a Conflict, and stays as it is; names that do not fit are Invalid.
func (s *Source) Offer(ctx context.Context, d haechi.Device) error {
	const op = "add the device to kb_bot_devices"
	if !s.cfg.Writes || s.cols == nil {
		return &haechi.Error{Kind: haechi.Denied, Op: op, Msg: "nothing is written to the database"}
	}
	if !fits(d.Bot, s.cols["bot_name"], maxBot) || !fits(d.Serial, s.cols["device_id"], maxSerial) {
		return &haechi.Error{Kind: haechi.Invalid, Op: op, Msg: "its names are longer than the columns"}
	}
	var same int
	err := s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM kb_bot_devices WHERE bot_name = ? AND device_id = ?", d.Bot, d.Serial).Scan(&same)
	if err != nil {
		return offerError(op, err)
	}
	if same > 0 {
		return &haechi.Error{Kind: haechi.Conflict, Op: op, Msg: "there is a row that the database takes for the same"}
	}
	names, values, args := s.insert(&d)
	if _, err := s.db.ExecContext(ctx, "INSERT INTO kb_bot_devices ("+quoted(names)+") VALUES ("+strings.Join(values, ", ")+")", args...); err != nil {
		return offerError(op, err)
	}
	return nil
}

// insert is the row: only columns that are there, and none that it has nothing for.
func (s *Source) insert(d *haechi.Device) (names, values []string, args []any) {
	add := func(name, value string, arg ...any) {
		names, values, args = append(names, name), append(values, value), append(args, arg...)
	}
	add("bot_name", "?", d.Bot)
	add("device_id", "?", d.Serial)
	add("status", "?", haechi.Pending.String())
	for name, text := range map[string]string{"client_type": d.ClientType, "client_version": d.Version, "ip_address": d.Addr} {
		if most, ok := s.cols[name]; ok && text != "" && fits(text, most, most) {
			add(name, "?", text)
		}
	}
	for _, name := range s.cols.has("created_at", "updated_at") {
		add(name, "NOW()")
	}
	return names, values, args
}

// fits reports whether a text has room; a column that names no length has some.
func fits(text string, column, most int) bool {
	if column > 0 {
		most = min(most, column)
	}
	return most <= 0 || utf8.RuneCountInString(text) <= most
}

// offerError tells what is about this device from what is about all.
func offerError(op string, err error) error {
	var m *mysql.MySQLError
	if !errors.As(err, &m) {
		return fmt.Errorf("%s: %w", op, err)
	}
	switch m.Number {
	case 1062: // duplicate key
		return &haechi.Error{Kind: haechi.Conflict, Op: op, Err: err, Hint: "another bot name has this device id there"}
	case 1264, 1265, 1267, 1366, 1406: // the value does not fit the column or its character set
		return &haechi.Error{Kind: haechi.Invalid, Op: op, Err: err}
	}
	return fmt.Errorf("%s: %w", op, err)
}
