package kakaodb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"haechi"
)

const (
	maxDSN  = 4 << 10 // bytes of the file
	dialFor = 3 * time.Second
	ioFor   = 10 * time.Second
	dsnHint = "write one line: user:password@tcp(host:3306)/database"
)

// connector opens connections by what the file says at the time.
type connector struct {
	file     string
	readOnly bool
}

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	cfg, err := c.settings()
	if err != nil {
		return nil, err
	}
	to, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	conn, err := to.Connect(ctx)
	if err != nil || !c.readOnly {
		return conn, err
	}
	if err := execute(ctx, conn, "SET SESSION TRANSACTION READ ONLY"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func execute(ctx context.Context, conn driver.Conn, statement string) error {
	e, ok := conn.(driver.ExecerContext)
	if !ok {
		return errors.New("the driver cannot execute statements")
	}
	_, err := e.ExecContext(ctx, statement, nil)
	return err
}

// Driver implements driver.Connector.
func (connector) Driver() driver.Driver { return mysql.MySQLDriver{} }

// settings reads the file. Its text is in no error: it holds a password.
func (c connector) settings() (*mysql.Config, error) {
	const op = "open the database of devices"
	f, err := os.Open(c.file)
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.NotFound, Op: op, Err: err, Hint: dsnHint}
	}
	b, err := io.ReadAll(io.LimitReader(f, maxDSN))
	_ = f.Close() // it was only read
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.NotFound, Op: op, Err: err, Hint: dsnHint}
	}
	cfg, err := mysql.ParseDSN(strings.TrimSpace(string(b)))
	if err != nil || cfg.DBName == "" {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: op, Msg: c.file + " holds no data source name with a database", Hint: dsnHint}
	}
	bound := func(d *time.Duration, most time.Duration) {
		if *d <= 0 || *d > most {
			*d = most
		}
	}
	bound(&cfg.Timeout, dialFor)
	bound(&cfg.ReadTimeout, ioFor)
	bound(&cfg.WriteTimeout, ioFor)
	// Times are read as text; no statement is several; no file of this machine is sent.
	cfg.ParseTime, cfg.MultiStatements, cfg.AllowAllFiles = false, false, false
	cfg.Logger = &mysql.NopLogger{} // errors are returned
	if cfg.Params == nil {
		cfg.Params = map[string]string{}
	}
	cfg.Params["sql_mode"] = "'STRICT_ALL_TABLES'" // nothing is cut to fit
	return cfg, nil
}
