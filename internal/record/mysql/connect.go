package mysql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
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
	first, err := open(base, writeFor, nil)
	if err != nil {
		return nil, unusable(err.Error())
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
	d := &database{name: base.DBName, server: version}
	if d.w, err = open(base, writeFor, session(maria, writeFor)); err != nil {
		return nil, unusable(err.Error())
	}
	if d.r, err = open(base, readFor, session(maria, readFor)); err != nil {
		return nil, unusable(err.Error())
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
	c, err := mysql.ParseDSN(strings.TrimSpace(string(cfg.DSN)))
	switch {
	case err != nil:
		return nil, unusable("it cannot be read")
	case c.DBName == "":
		return nil, unusable("it names no database")
	case c.TLSConfig == "skip-verify", c.TLSConfig == "preferred", c.AllowFallbackToPlaintext:
		return nil, unusable("tls=" + c.TLSConfig + " does not know whom it talks to")
	case c.AllowCleartextPasswords && c.TLS == nil && cfg.CA == "":
		return nil, unusable("it would send the password in the clear")
	}
	own := mysql.NewConfig()
	own.User, own.Passwd, own.Net, own.Addr, own.DBName = c.User, c.Passwd, c.Net, c.Addr, c.DBName
	own.TLS, own.AllowNativePasswords, own.AllowCleartextPasswords = c.TLS, c.AllowNativePasswords, c.AllowCleartextPasswords
	own.Timeout, own.WriteTimeout = dialFor, writeFor
	own.RejectReadOnly = true // after a failover the old writer must be left
	own.Logger = quiet{}
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

func unusable(why string) error {
	return &haechi.Error{Kind: haechi.Invalid, Op: "open the records", Msg: "the DSN cannot be used: " + why,
		Hint: "write user:password@tcp(host:3306)/database into records.dsn_file"}
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

func open(base *mysql.Config, most time.Duration, params map[string]string) (*sql.DB, error) {
	c := base.Clone()
	c.ReadTimeout, c.Params = most+time.Second, params
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(idleConns)
	db.SetConnMaxLifetime(time.Hour) // a name may come to mean another server
	return db, nil
}

// quiet keeps the driver's own lines about broken connections out of the log: each
// such error comes back to the caller as well.
type quiet struct{}

// Print implements mysql.Logger.
func (quiet) Print(...any) {}
