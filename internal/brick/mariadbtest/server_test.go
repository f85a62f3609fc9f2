package mariadbtest_test

import (
	"testing"

	"haechi/internal/brick/mariadbtest"
)

// TestKillAndRestart makes sure that what was committed outlives a kill: the tests
// of outages rely on it.
func TestKillAndRestart(t *testing.T) {
	s := mariadbtest.Start(t)
	db := s.Open(t, "one")
	if _, err := db.Exec("CREATE TABLE t (a INT) ENGINE=InnoDB"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO t VALUES (7)"); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if err := db.Ping(); err == nil {
		t.Fatal("a killed server answers")
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	var a int
	if err := db.QueryRow("SELECT a FROM t").Scan(&a); err != nil || a != 7 {
		t.Fatalf("after the kill: %d, %v", a, err)
	}
}
