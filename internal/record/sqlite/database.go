package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"

	"haechi"
	"haechi/internal/record/sqlrows"
)

// readers is how many connections may read one file at once.
const readers = 4

// readerIdle is how long one of them is kept that nobody uses, and readersIdle how many.
// Opening the next takes a millisecond.
const (
	readerIdle  = 15 * time.Second
	readersIdle = 2
)

// Result codes of SQLite that say the disk or a lock is the trouble, not the data
// (https://www.sqlite.org/rescode.html).
const (
	codeBusy     = 5
	codeLocked   = 6
	codeReadOnly = 8
	codeIOErr    = 10
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeNotADB   = 26
)

// database is one file: a single connection that writes, and a few that read.
type database struct {
	path string
	w, r *sql.DB
}

// PrepareDir makes the folder, or refuses one that others may write to.
func PrepareDir(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err != nil {
		return &haechi.Error{Kind: haechi.Unavailable, Op: "open records", Err: err}
	}
	info, err := os.Stat(dir)
	if err != nil {
		return &haechi.Error{Kind: haechi.Unavailable, Op: "open records", Err: err}
	}
	if info.Mode().Perm()&0o022 != 0 {
		return &haechi.Error{Kind: haechi.Denied, Op: "open records",
			Msg:  fmt.Sprintf("others may write to %s (mode %04o)", dir, info.Mode().Perm()),
			Hint: "chmod 700 " + dir}
	}
	return nil
}

// openDatabase opens the file for the kind, checks that it is ours and brings it
// to the present schema.
func openDatabase(ctx context.Context, path string, k kind) (*database, error) {
	if err := touch(path); err != nil {
		return nil, &haechi.Error{Kind: haechi.Unavailable, Op: "open records", Err: err}
	}
	if err := inspect(ctx, path, k); err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, &haechi.Error{Kind: haechi.Unavailable, Op: "open records", Err: err}
	}
	d := &database{path: path}
	var err error
	if d.w, err = sql.Open("sqlite", dsn(path, "_auto_vacuum", "2", "_journal_mode", "WAL", "_synchronous", k.synchronous,
		"_txlock", "immediate", "_pragma", "secure_delete("+k.secureDelete+")", "_pragma", "cache_size(-4096)",
		"_pragma", "journal_size_limit(67108864)")); err != nil {
		return nil, failure("open "+path, err)
	}
	d.w.SetMaxOpenConns(1)
	if err := migrate(ctx, d.w, k); err != nil {
		return nil, errors.Join(err, d.close())
	}
	if d.r, err = sql.Open("sqlite", dsn(path, "_query_only", "1", "_pragma", "cache_size(-8192)")); err != nil {
		return nil, errors.Join(failure("open "+path, err), d.close())
	}
	d.r.SetMaxOpenConns(readers)
	d.r.SetMaxIdleConns(readersIdle)
	d.r.SetConnMaxIdleTime(readerIdle) // each has a cache of its own
	return d, nil
}

// dsn names the file with the settings all connections share, and the pairs given.
func dsn(path string, pairs ...string) string {
	q := url.Values{"_busy_timeout": {"5000"}, "_dqs": {"0"}, "_defensive": {"1"}, "_foreign_keys": {"1"}}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	return (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String()
}

// touch makes the file with mode 0600 before SQLite would with a wider one; SQLite
// gives its journal files the mode of the database.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func (d *database) close() error {
	if d == nil {
		return nil
	}
	var errs []error
	for _, db := range []*sql.DB{d.r, d.w} { // the writer last: it checkpoints
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// tx runs f in one write transaction. Waiting for the connection ends with ctx; once
// begun, the transaction is not cancelled: an interrupt costs a goroutine for each
// statement, and every transaction here is short.
func (d *database) tx(ctx context.Context, f func(tx *sql.Tx) error) error {
	conn, err := d.w.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// rows is the database as the shared part sees it.
func (d *database) rows() sqlrows.DB { return sqlrows.DB{W: d.w, R: d.r, Tx: d.tx} }

// failure wraps an error of the database for the operator; nil stays nil, and an
// error that has its kind already keeps it.
func failure(op string, err error) error {
	if own := (*haechi.Error)(nil); err == nil || errors.As(err, &own) {
		return err
	}
	e := &haechi.Error{Kind: haechi.Internal, Op: op, Err: err}
	var se *sqlite.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Kind = haechi.Unavailable
	case errors.Is(err, fs.ErrNotExist):
		e.Kind = haechi.NotFound
	case errors.As(err, &se):
		e.Kind, e.Hint = classify(se.Code() & 0xff)
	}
	return e
}

func classify(code int) (haechi.ErrorKind, string) {
	switch code {
	case codeBusy, codeLocked:
		return haechi.Unavailable, "another program holds the database; close it"
	case codeFull:
		return haechi.Unavailable, "the disk is full; free some space or shorten the retention"
	case codeIOErr, codeCantOpen, codeReadOnly:
		return haechi.Unavailable, "check the disk and the folder's permissions"
	case codeCorrupt, codeNotADB:
		return haechi.Internal, "the file is damaged; restore the newest backup"
	}
	return haechi.Internal, ""
}
