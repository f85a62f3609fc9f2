package mysql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"haechi"
)

// How long things may take. A write is short, so that a server which hangs is soon
// noticed and the writer spools; a report may read a while.
const (
	dialFor   = 3 * time.Second
	writeFor  = 5 * time.Second
	readFor   = 30 * time.Second
	lockFor   = 3 // seconds a statement waits for a row that another holds
	idleConns = 4
)

// connect reads the DSN and opens both pools, once it has seen which server it is.
func connect(ctx context.Context, cfg *Config) (*database, error) {
	base, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	first, err := open(base, cfg.DSNFile, writeFor, nil)
	if err != nil {
		return nil, unusable(cfg.DSNFile, err.Error())
	}
	var version string
	err = first.QueryRowContext(ctx, "SELECT version()").Scan(&version)
	if cerr := first.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, failure("open the records on "+base.Addr, err)
	}
	maria := strings.Contains(version, "MariaDB")
	d := &database{name: base.DBName, where: base.Addr + "/" + base.DBName, server: version}
	if d.w, err = open(base, cfg.DSNFile, writeFor, session(maria, writeFor)); err != nil {
		return nil, unusable(cfg.DSNFile, err.Error())
	}
	if d.r, err = open(base, cfg.DSNFile, readFor, session(maria, readFor)); err != nil {
		return nil, unusable(cfg.DSNFile, err.Error())
	}
	n := cfg.Conns
	if n == 0 {
		n = defaultConns
	}
	n = min(max(n, minConns), maxConns)
	d.w.SetMaxOpenConns(n / 2)
	d.r.SetMaxOpenConns(n - n/2)
	return d, nil
}

// session sets what each connection counts on, whatever the server's own defaults.
// The time zone is UTC because the stamps that are written and compared are.
func session(maria bool, most time.Duration) map[string]string {
	p := map[string]string{
		"time_zone": "'+00:00'", "sql_mode": "'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'",
		"innodb_lock_wait_timeout": strconv.Itoa(lockFor),
	}
	if maria {
		p["max_statement_time"] = strconv.FormatFloat(most.Seconds(), 'f', -1, 64)
	} else {
		p["max_execution_time"] = strconv.FormatInt(most.Milliseconds(), 10)
	}
	return p
}

// parse takes from the DSN where, who and how encrypted; the rest is ours. What it
// holds stands in no error.
func parse(cfg *Config) (*mysql.Config, error) {
	c, err := readDSN(cfg.DSNFile)
	switch {
	case err != nil:
		return nil, err
	case c.DBName == "":
		return nil, unusable(cfg.DSNFile, "it names no database")
	case c.TLSConfig == "skip-verify", c.TLSConfig == "preferred", c.AllowFallbackToPlaintext:
		return nil, unusable(cfg.DSNFile, "tls="+c.TLSConfig+" does not know whom it talks to")
	case c.AllowCleartextPasswords && c.TLS == nil && cfg.CA == "":
		return nil, unusable(cfg.DSNFile, "it would send the password in the clear")
	}
	own := mysql.NewConfig()
	own.User, own.Passwd, own.Net, own.Addr, own.DBName = c.User, c.Passwd, c.Net, c.Addr, c.DBName
	own.TLS, own.AllowNativePasswords, own.AllowCleartextPasswords = c.TLS, c.AllowNativePasswords, c.AllowCleartextPasswords
	own.Timeout, own.WriteTimeout = dialFor, writeFor
	own.RejectReadOnly = true       // after a failover the old writer must be left
	own.Logger = &mysql.NopLogger{} // each error comes back to the caller as well
	if cfg.CA != "" {
		if own.TLS, err = verifying(cfg.CA, own.Addr); err != nil {
			return nil, err
		}
	}
	if own.TLS == nil && own.Net != "unix" && !loopback(own.Addr) {
		cfg.Log.Warn("the records travel unencrypted; set records.ca_file, or add tls=true to the DSN", "server", own.Addr)
	}
	return own, nil
}

func unusable(file, why string) error {
	return &haechi.Error{Kind: haechi.Invalid, Op: "open the records", Msg: "the DSN in " + file + " cannot be used: " + why, Hint: dsnHint}
}

// maxDSN bounds the file, in bytes.
const maxDSN = 4 << 10

const dsnHint = "records.dsn_file names a file with one line: user:password@tcp(host:3306)/database"

// readDSN reads the file. The parser's own error may quote what it holds, so it is not
// passed on.
func readDSN(file string) (*mysql.Config, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "open the records", Err: err, Hint: dsnHint}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxDSN))
	_ = f.Close() // it was only read
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "open the records", Err: err, Hint: dsnHint}
	}
	c, err := mysql.ParseDSN(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, unusable(file, "it cannot be read")
	}
	return c, nil
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// verifying trusts the authorities of the file, for the host of the address.
func verifying(file, addr string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "open the records", Err: err, Hint: "records.ca_file names a PEM file"}
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "open the records", Msg: file + " holds no certificate", Hint: "records.ca_file names a PEM file"}
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	return &tls.Config{RootCAs: pool, ServerName: host, MinVersion: tls.VersionTLS12}, nil
}

func open(base *mysql.Config, file string, most time.Duration, params map[string]string) (*sql.DB, error) {
	c := base.Clone()
	c.ReadTimeout, c.Params = most+time.Second, params
	if err := c.Apply(mysql.BeforeConnect(func(_ context.Context, now *mysql.Config) error {
		fresh, err := readDSN(file)
		if err == nil {
			now.User, now.Passwd = fresh.User, fresh.Passwd
		}
		return err
	})); err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(idleConns)
	db.SetConnMaxLifetime(time.Hour) // a name may come to mean another server
	return db, nil
}
