package sqlite

import (
	"context"
	"errors"
)

// Rest gives back what only a busy time needs, the page caches first of all: they grow to
// their bounds, and the system has the pages in its own cache.
func (s *Store) Rest(ctx context.Context) error {
	return errors.Join(s.Store.Rest(ctx), s.state.rest(ctx), s.events.rest(ctx))
}

func (d *database) rest(ctx context.Context) error {
	d.r.SetMaxIdleConns(0) // closes those that nobody uses
	d.r.SetMaxIdleConns(readersIdle)
	_, err := d.w.ExecContext(ctx, "PRAGMA shrink_memory")
	return failure("give memory back", err)
}

// shrink gives free pages back to the disk, a piece at a time.
func (d *database) shrink(ctx context.Context) error {
	for {
		before, err := d.freePages(ctx)
		if err != nil || before == 0 {
			break
		}
		if err := d.vacuum(ctx); err != nil {
			return err
		}
		if after, err := d.freePages(ctx); err != nil || after >= before {
			break
		}
	}
	_, err := d.w.ExecContext(context.WithoutCancel(ctx), "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

// vacuum frees some pages. The pragma does so with each step and returns rows of no
// columns, which must be read to their end.
func (d *database) vacuum(ctx context.Context) error {
	rows, err := d.w.QueryContext(ctx, "PRAGMA incremental_vacuum(256)")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

func (d *database) freePages(ctx context.Context) (n int64, err error) {
	err = d.w.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&n)
	return n, err
}
