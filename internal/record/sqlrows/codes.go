package sqlrows

import (
	"context"
	"database/sql"

	"haechi"
)

const codeColumns = "id, hash, service, bot, label, uses, used, created_ns, until_ns, created_by, ended_ns, ended_by"

// Codes returns the enrolment codes, oldest first.
func (s *Store) Codes(ctx context.Context) ([]haechi.EnrolCode, error) {
	rows, err := s.state.R.QueryContext(ctx, "SELECT "+codeColumns+" FROM enrol_codes ORDER BY created_ns, id")
	if err != nil {
		return nil, s.failure("read enrolment codes", err)
	}
	defer rows.Close()
	out := []haechi.EnrolCode{}
	for rows.Next() {
		var c haechi.EnrolCode
		var hash []byte
		var created, until, ended int64
		if err := rows.Scan(&c.ID, &hash, &c.Service, &c.Bot, &c.Label, &c.Uses, &c.Used, &created, &until, &c.By, &ended, &c.EndedBy); err != nil {
			return nil, s.failure("read enrolment codes", err)
		}
		c.Hash, c.Created, c.Until, c.EndedAt = hash, moment(created), moment(until), moment(ended)
		out = append(out, c)
	}
	return out, s.failure("read enrolment codes", rows.Err())
}

// SaveCode inserts or replaces a code. It is durable on return.
func (s *Store) SaveCode(ctx context.Context, c *haechi.EnrolCode) error {
	return s.inState(ctx, "save an enrolment code", func(tx *sql.Tx) error { return putCode(ctx, tx, c) })
}

func putCode(ctx context.Context, tx *sql.Tx, c *haechi.EnrolCode) error {
	_, err := tx.ExecContext(ctx, "REPLACE INTO enrol_codes ("+codeColumns+") VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
		c.ID, append([]byte{}, c.Hash...), c.Service, c.Bot, c.Label, c.Uses, c.Used, nanos(c.Created), nanos(c.Until), c.By,
		nanos(c.EndedAt), c.EndedBy)
	return err
}

// DeleteCode takes a code away; one that is not there is no error.
func (s *Store) DeleteCode(ctx context.Context, id string) error {
	return s.inState(ctx, "delete an enrolment code", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM enrol_codes WHERE id = ?", id)
		return err
	})
}

// Enrol saves a code after its use, the device that it let in and the device's key
// in one durable step: a kill leaves neither a device without its key nor a code
// that can be used twice.
func (s *Store) Enrol(ctx context.Context, c *haechi.EnrolCode, d *haechi.Device, k *haechi.Key) error {
	return s.changing(ctx, "enrol a device", []haechi.Device{*d}, func(tx *sql.Tx) error {
		if err := putCode(ctx, tx, c); err != nil {
			return err
		}
		if err := putDevice(ctx, tx, d); err != nil {
			return err
		}
		return putKey(ctx, tx, d.Key, k)
	})
}
