package app

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/pin"
)

// behind verifies the upstream of one HTTP service as the configuration says, and
// counts the keys that were not pinned.
type behind struct {
	tls        *tls.Config // nil: the system's roots, no pins
	mismatches atomic.Uint64
	told       atomic.Int64 // Unix time of the last warning
}

// tellEvery spaces the warnings about one upstream: every request may cause one.
const tellEvery = time.Minute

func newBehind(s *config.Service, now func() time.Time, log *slog.Logger) (*behind, error) {
	b, c := &behind{}, s.Behind
	if c.CA == "" && c.Name == "" && len(c.Pins) == 0 {
		return b, nil
	}
	b.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.Name}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		b.tls.RootCAs = x509.NewCertPool()
		if err != nil || !b.tls.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &haechi.Error{Kind: haechi.Invalid, Op: "service " + s.Name + ": read upstream_tls.ca", Err: err,
				Msg: "no certificate in " + c.CA, Hint: "name a PEM file with the CA's certificate"}
		}
	}
	if len(c.Pins) == 0 {
		return b, nil
	}
	set, err := pin.New(pin.Config{Pins: c.Pins, ReportOnly: c.ReportOnly, Until: c.Until, Now: now,
		Report: func(m *pin.Mismatch) { b.report(m, now(), log.With("service", s.Name)) }})
	if err != nil {
		return nil, err
	}
	b.tls = set.TLS(b.tls)
	return b, nil
}

func (b *behind) report(m *pin.Mismatch, now time.Time, log *slog.Logger) {
	b.mismatches.Add(1)
	last := b.told.Load()
	if now.Unix()-last < int64(tellEvery.Seconds()) || !b.told.CompareAndSwap(last, now.Unix()) {
		return
	}
	log.Warn("the upstream showed a key that is not pinned", "refused", !m.Passed, "expired", m.Expired, "err", m)
}

// counter is nothing for an upstream that is not pinned.
func (b *behind) counter(service string) []haechi.Counter {
	if b.tls == nil {
		return nil
	}
	return []haechi.Counter{{Name: "http/" + service + "/upstream_key_mismatch", Value: b.mismatches.Load()}}
}
