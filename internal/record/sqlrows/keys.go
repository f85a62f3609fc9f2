package sqlrows

import (
	"context"
	"database/sql"

	"haechi"
)

const keyColumns = "device, id, secret, salt, created_ns, until_ns, code, used_ns"

// Keys returns a device's keys with their secrets, oldest first.
func (s *Store) Keys(ctx context.Context, device string) ([]haechi.Key, error) {
	rows, err := s.state.R.QueryContext(ctx, "SELECT "+keyColumns+" FROM device_keys WHERE device = ? ORDER BY created_ns, id", device)
	if err != nil {
		return nil, s.failure("read keys", err)
	}
	defer rows.Close()
	var out []haechi.Key
	for rows.Next() {
		var k haechi.Key
		var secret, salt []byte
		var created, until, used int64
		if err := rows.Scan(&device, &k.ID, &secret, &salt, &created, &until, &k.Code, &used); err != nil {
			return nil, s.failure("read keys", err)
		}
		k.Secret, k.Salt, k.Created, k.Until, k.LastUse = secret, salt, moment(created), moment(until), moment(used)
		out = append(out, k)
	}
	return out, s.failure("read keys", rows.Err())
}

// SaveKey inserts or replaces a key. It is durable on return.
func (s *Store) SaveKey(ctx context.Context, device string, k *haechi.Key) error {
	return s.inState(ctx, "save a key", func(tx *sql.Tx) error { return putKey(ctx, tx, device, k) })
}

func putKey(ctx context.Context, tx *sql.Tx, device string, k *haechi.Key) error {
	_, err := tx.ExecContext(ctx, "REPLACE INTO device_keys ("+keyColumns+") VALUES (?,?,?,?,?,?,?,?)",
		device, k.ID, append([]byte{}, k.Secret...), append([]byte{}, k.Salt...), nanos(k.Created), nanos(k.Until), k.Code, nanos(k.LastUse))
	return err
}

// DeleteKey takes a key away; one that is not there is no error.
func (s *Store) DeleteKey(ctx context.Context, device, id string) error {
	return s.inState(ctx, "delete a key", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM device_keys WHERE device = ? AND id = ?", device, id)
		return err
	})
}
