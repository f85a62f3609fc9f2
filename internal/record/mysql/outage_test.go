package mysql_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/mariadbtest"
	"haechi/internal/record"
	"haechi/internal/record/mysql"
	"haechi/internal/record/storetest"
)

// severing stands between the store and the server. Once armed it lets the next COMMIT
// through, waits until the server has answered, and cuts the connection instead of
// passing the answer on.
type severing struct {
	net.Listener
	to    string
	armed atomic.Bool
	cuts  atomic.Int64
	conns sync.WaitGroup
}

func newSevering(t *testing.T, to string) *severing {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &severing{Listener: l, to: to}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.conns.Go(func() { s.pass(c) })
		}
	}()
	t.Cleanup(func() { _ = l.Close(); s.conns.Wait() })
	return s
}

func (s *severing) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", s.to)
	if err != nil {
		return
	}
	defer server.Close()
	var cut atomic.Bool
	s.conns.Go(func() {
		defer client.Close()
		buf := make([]byte, 1<<16)
		for {
			n, err := server.Read(buf)
			if err != nil || cut.Load() {
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	buf := make([]byte, 1<<16)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if bytes.Contains(buf[:n], []byte("\x03COMMIT")) && s.armed.CompareAndSwap(true, false) {
			cut.Store(true)
			s.cuts.Add(1)
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

func batch(seq uint64) *record.Batch {
	b := &record.Batch{ID: record.BatchID{Run: "run", Seq: seq}}
	for i := range 50 {
		b.Events = append(b.Events, haechi.Event{Time: storetest.Now(), Kind: haechi.KindMessage, Session: seq*100 + uint64(i)})
	}
	return b
}

// TestLostAnswer: the server has committed, and nobody hears of it. The batch is sent
// again, and is there once.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	server := mariadbtest.Start(t)
	_, db := opened(t, server, "lost")
	between := newSevering(t, fmt.Sprint("127.0.0.1:", server.Port))
	s := openedOn(t, strings.Replace(server.DSN("lost"), fmt.Sprint(":", server.Port, ")"), fmt.Sprint(":", between.Addr().(*net.TCPAddr).Port, ")"), 1))
	for seq := uint64(1); seq <= 3; seq++ {
		between.armed.Store(true)
		err := s.Append(t.Context(), batch(seq))
		if haechi.KindOf(err) != haechi.Unavailable {
			t.Fatalf("a lost answer gives %v, want kind unavailable", err)
		}
		if err := s.Append(t.Context(), batch(seq)); err != nil {
			t.Fatal(err)
		}
	}
	if got := column(t, db, "SELECT concat(count(*), ' ', count(DISTINCT session)) FROM kb_chat_logs")[0]; got != "150 150" || between.cuts.Load() != 3 {
		t.Errorf("%s events after %d lost answers, want 150", got, between.cuts.Load())
	}
	if got := column(t, db, "SELECT sum(requests) FROM minutes")[0]; got != "150" {
		t.Errorf("%s counted, want 150", got)
	}
}

// TestHangs: a server that takes a connection and never answers is given up in the time
// that the caller allows, and what it may have done meanwhile is not done twice.
func TestHangs(t *testing.T) {
	t.Parallel()
	server := mariadbtest.Start(t)
	s, db := opened(t, server, "hangs")
	if err := s.Append(t.Context(), batch(1)); err != nil {
		t.Fatal(err)
	}
	goOn := server.Hang(t)
	ctx, stop := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer stop()
	began := time.Now()
	err := s.Append(ctx, batch(2))
	if took := time.Since(began); haechi.KindOf(err) != haechi.Unavailable || took > time.Minute {
		t.Errorf("a server that hangs gives %v after %s", err, took)
	}
	goOn()
	for range 100 {
		if err = s.Append(t.Context(), batch(2)); err == nil {
			break
		}
	}
	if got := column(t, db, "SELECT count(*) FROM kb_chat_logs")[0]; err != nil || got != "100" {
		t.Errorf("%s events, %v, want 100", got, err)
	}
}

// TestReconnects: after a kill and a restart of the server the open store goes on.
func TestReconnects(t *testing.T) {
	t.Parallel()
	server := mariadbtest.Start(t)
	s, _ := opened(t, server, "again")
	if err := s.Append(t.Context(), batch(1)); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if err := s.Append(t.Context(), batch(2)); haechi.KindOf(err) != haechi.Unavailable {
		t.Errorf("a dead server gives %v, want kind unavailable", err)
	}
	if err := s.AppendAudit(t.Context(), &haechi.AuditEntry{By: "kim"}); haechi.KindOf(err) != haechi.Unavailable {
		t.Errorf("a dead server gives %v, want kind unavailable", err)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	for seq := uint64(2); seq < 20; seq++ {
		if err := s.Append(t.Context(), batch(seq)); err != nil {
			t.Fatalf("batch %d: %v", seq, err)
		}
	}
	if got, err := s.Events(t.Context(), &haechi.EventFilter{Limit: 10_000}); err != nil || len(got) != 19*50 {
		t.Errorf("%d events, %v", len(got), err)
	}
}

// TestTLS: with a CA file the connection is encrypted and the server verified; another
// authority's server is refused.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certificate(t, dir, "server")
	certificate(t, dir, "other")
	server := mariadbtest.Start(t, "--ssl-cert="+filepath.Join(dir, "server.pem"), "--ssl-key="+filepath.Join(dir, "server.key"))
	db := server.Open(t, "tls")
	do(t, db, "CREATE USER haechi@'127.0.0.1' REQUIRE SSL", "GRANT ALL ON tls.* TO haechi@'127.0.0.1'")
	cfg := config(t, strings.Replace(server.DSN("tls"), "root@", "haechi@", 1))
	cfg.CA = filepath.Join(dir, "server.pem")
	if err := open(t, cfg).Close(); err != nil {
		t.Error(err)
	}
	for name, ca := range map[string]string{"another authority": filepath.Join(dir, "other.pem"), "no certificate": cfg.DSNFile, "none": ""} {
		cfg.CA = ca
		if _, err := mysql.Open(t.Context(), cfg); err == nil {
			t.Errorf("with %s it connects", name)
		}
	}
}

// certificate writes one that signs itself, for 127.0.0.1.
func certificate(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, b := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
