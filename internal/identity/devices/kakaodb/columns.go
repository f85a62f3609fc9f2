package kakaodb

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"haechi"
)

// columns are those of a table that are there and of use here, by name, with the
// most characters each takes; 0: not a bounded text.
type columns map[string]int

// devicesOptional are the columns of kb_bot_devices that are used where they are
// there. No installation is known to have all of them.
func devicesOptional() []string {
	return []string{"max_message_size", "approved_at", "rejection_reason", "client_type", "client_version", "updated_at",
		"created_at", "ip_address", "id"}
}

// discover looks up which of the columns the table has. An error says which of the
// needed ones are missing.
func (s *Source) discover(ctx context.Context, table string, needed []string, optional ...string) (columns, error) {
	found, err := s.db.QueryContext(ctx, `SELECT column_name, character_maximum_length
FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?`, table)
	if err != nil {
		return nil, fmt.Errorf("look up the columns of %s: %w", table, err)
	}
	defer func() { _ = found.Close() }() // Err has what went wrong
	wanted := append(append([]string(nil), needed...), optional...)
	cols := columns{}
	for found.Next() {
		var name string
		var most sql.NullInt64
		if err := found.Scan(&name, &most); err != nil {
			return nil, fmt.Errorf("look up the columns of %s: %w", table, err)
		}
		for _, w := range wanted {
			if strings.EqualFold(name, w) {
				cols[w] = int(most.Int64)
			}
		}
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("look up the columns of %s: %w", table, err)
	}
	return cols, cols.complete(table, needed)
}

func (c columns) complete(table string, needed []string) error {
	var missing []string
	for _, n := range needed {
		if _, ok := c[n]; !ok {
			missing = append(missing, n)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &haechi.Error{Kind: haechi.Unavailable, Op: "read " + table,
		Msg:  "no column " + strings.Join(missing, ", ") + " that this user may read",
		Hint: "look at the database in the data source name, and grant SELECT on " + table}
}

// has are those of the names that are there, in their order.
func (c columns) has(names ...string) (out []string) {
	for _, n := range names {
		if _, ok := c[n]; ok {
			out = append(out, n)
		}
	}
	return out
}
