package sqlite_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

func cols(n int) string {
	s := []string{}
	for i := range n {
		s = append(s, fmt.Sprintf("c%d", i))
	}
	return strings.Join(s, ",")
}
func qs(n int) string { return "(" + strings.TrimSuffix(strings.Repeat("?,", n), ",") + ")" }

func open(b *testing.B, nc, idx int) *sql.DB {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "x.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_txlock=immediate")
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	_, err = db.Exec("create table t(id integer primary key," + cols(nc) + ")")
	if err != nil {
		b.Fatal(err)
	}
	for i := range idx {
		w := ""
		if _, err := db.Exec(fmt.Sprintf("create index i%d on t(c%d,c0)%s", i, i, w)); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() { db.Close() })
	return db
}

func row(i, nc int, args []any) []any {
	args = append(args, int64(1763800000000000000+i*1000), fmt.Sprintf("LOA.i/%d", i%500), fmt.Sprintf("203.0.113.%d", i%250), "2025-11-22 10:00:00", "room name "+fmt.Sprint(i%40), "bots", int64(4), int64(1), "message")
	for j := 9; j < nc; j++ {
		args = append(args, nil)
	}
	return args[:]
}

func BenchmarkX(b *testing.B) {
	for _, nc := range []int{9, 16, 32} {
		for _, idx := range []int{1, 3} {
			b.Run(fmt.Sprintf("single/c%d/i%d", nc, idx), func(b *testing.B) {
				db := open(b, nc, idx)
				st, err := db.Prepare("insert into t(" + cols(nc) + ") values" + qs(nc))
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				for i := 0; i < b.N; {
					tx, _ := db.Begin()
					s := tx.Stmt(st)
					for range 1000 {
						if _, err := s.Exec(row(i, nc, nil)...); err != nil {
							b.Fatal(err)
						}
						i++
					}
					tx.Commit()
				}
			})
			for _, m := range []int{8, 32, 100} {
				b.Run(fmt.Sprintf("multi%d/c%d/i%d", m, nc, idx), func(b *testing.B) {
					db := open(b, nc, idx)
					st, err := db.Prepare("insert into t(" + cols(nc) + ") values" + strings.TrimSuffix(strings.Repeat(qs(nc)+",", m), ","))
					if err != nil {
						b.Fatal(err)
					}
					b.ReportAllocs()
					for i := 0; i < b.N; {
						tx, _ := db.Begin()
						s := tx.Stmt(st)
						for range 1000 / m {
							var args []any
							for range m {
								args = row(i, nc, args)
								i++
							}
							if _, err := s.Exec(args...); err != nil {
								b.Fatal(err)
							}
						}
						tx.Commit()
					}
				})
			}
			b.Run(fmt.Sprintf("raw/c%d/i%d", nc, idx), func(b *testing.B) {
				db := open(b, nc, idx)
				c, _ := db.Conn(context.Background())
				defer c.Close()
				b.ReportAllocs()
				c.Raw(func(dc any) error {
					st, err := dc.(driver.ConnPrepareContext).PrepareContext(context.Background(), "insert into t("+cols(nc)+") values"+qs(nc))
					if err != nil {
						b.Fatal(err)
					}
					ex := st.(driver.StmtExecContext)
					nv := make([]driver.NamedValue, nc)
					for i := range nv {
						nv[i].Ordinal = i + 1
					}
					args := make([]any, 0, nc)
					for i := 0; i < b.N; {
						tx, err := dc.(driver.ConnBeginTx).BeginTx(context.Background(), driver.TxOptions{})
						if err != nil {
							b.Fatal(err)
						}
						for range 1000 {
							args = row(i, nc, args[:0])
							for k := range args {
								nv[k].Value = args[k]
							}
							if _, err := ex.ExecContext(context.Background(), nv); err != nil {
								b.Fatal(err)
							}
							i++
						}
						tx.Commit()
					}
					return nil
				})
			})
		}
	}
}
