// Package mysql keeps the records in MariaDB, MySQL or Aurora (stage 6): all tables in
// one database, which must be Haechi's own.
//
// It promises what record/sqlite promises, by the same conformance suite: a save is
// durable when it returns (as far as innodb_flush_log_at_trx_commit is 1, the server's
// default), every event is written once, also where the answer to a commit was lost,
// and a database that holds a kb_* table which it did not make is left alone. Names are
// compared byte for byte. It connects again by itself, and gives up on a statement in
// bounded time.
//
// It runs on MariaDB 10.11 in the tests. MySQL 8 and Aurora are written for and not
// tested. The DSN is a secret: it is never logged and in no error. It never stores a
// message body, and never uses a database that it was not given.
package mysql
