// Package mariadbtest starts a private MariaDB server for tests and benchmarks
// (a brick without a stage: a harness, imported by tests only).
//
// It promises a server of Debian's package with an empty data folder of its own,
// reachable on a loopback port and a Unix socket, that is gone with the test. It
// can be killed and started again on the same data, which is what the tests of
// outages need.
//
// It never touches a server that it did not start and never leaves one behind.
// Without the package it skips, except under CI, where it fails.
package mariadbtest
