package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"

	"github.com/go-sql-driver/mysql"

	"haechi"
	"haechi/internal/record/sqlrows"
)

// database is one database on one server: a pool that writes, and one that reads and
// may take longer.
type database struct {
	name, where, server string
	w, r                *sql.DB
}

func (d *database) rows() sqlrows.DB { return sqlrows.DB{W: d.w, R: d.r, Tx: d.tx} }

func (d *database) close() error { return errors.Join(d.r.Close(), d.w.Close()) }

// tries is how often a transaction is begun that the server broke off because of
// another.
const tries = 4

// Numbers of the server's errors
// (https://mariadb.com/kb/en/mariadb-error-code-reference/).
const (
	errDBAccess     = 1044
	errAccess       = 1045
	errUnknownDB    = 1049
	errTooMany      = 1040
	errDiskFull     = 1021
	errChanged      = 1020
	errTableFull    = 1114
	errTableAccess  = 1142
	errLockWait     = 1205
	errDeadlock     = 1213
	errPrivilege    = 1227
	errReadOnly     = 1290
	errBinlogGrants = 1419
	errReadOnlyTx   = 1792
	errTooLong      = 1969 // MariaDB: max_statement_time
	errTooLongMySQL = 3024
)

func numberOf(err error) uint16 {
	var e *mysql.MySQLError
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}

// tx runs f in one transaction. One that the server broke off to let another pass is
// run again.
func (d *database) tx(ctx context.Context, f func(tx *sql.Tx) error) (err error) {
	for range tries {
		err = d.once(ctx, f)
		if n := numberOf(err); n != errDeadlock && n != errChanged {
			return err
		}
	}
	return err
}

func (d *database) once(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := d.w.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		if rerr := tx.Rollback(); rerr != nil && !broken(rerr) && !errors.Is(rerr, sql.ErrTxDone) {
			return errors.Join(err, rerr)
		}
		return err
	}
	return tx.Commit()
}

// broken reports whether the connection is the trouble.
func broken(err error) bool {
	var ne net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.As(err, &ne)
}

// failure wraps an error of the database for the operator; nil stays nil, and an
// error that has its kind already keeps it.
func failure(op string, err error) error {
	if own := (*haechi.Error)(nil); err == nil || errors.As(err, &own) {
		return err
	}
	e := &haechi.Error{Kind: haechi.Internal, Op: op, Err: err}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e.Kind = haechi.Unavailable
	case numberOf(err) != 0:
		e.Kind, e.Hint = classify(numberOf(err))
	case broken(err):
		e.Kind, e.Hint = haechi.Unavailable, "check that the database runs and can be reached from here"
	}
	return e
}

func classify(number uint16) (haechi.ErrorKind, string) {
	switch number {
	case errAccess, errDBAccess, errTableAccess, errPrivilege:
		return haechi.Denied, "check user and password in records.dsn_file, and GRANT ALL ON that database TO that user"
	case errUnknownDB:
		return haechi.Unavailable, "CREATE DATABASE haechi CHARACTER SET utf8mb4, and name it in records.dsn_file"
	case errDiskFull, errTableFull:
		return haechi.Unavailable, "the database's disk is full; free some space or shorten the retention"
	case errTooMany:
		return haechi.Unavailable, "the server has too many connections; raise max_connections or lower records.pool"
	case errLockWait, errDeadlock, errChanged:
		return haechi.Unavailable, "another program holds the rows; close it"
	case errReadOnly, errReadOnlyTx:
		return haechi.Unavailable, "the server is read-only; name the writer in records.dsn_file"
	case errTooLong, errTooLongMySQL:
		return haechi.Unavailable, "the statement took too long; shorten the retention or give the server more memory"
	}
	return haechi.Internal, ""
}
