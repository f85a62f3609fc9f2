package acme

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"

	"haechi/internal/ingress/tlsterm"
)

const (
	look      = 5 * time.Second  // between two looks at what is due
	retryMost = 10 * time.Minute // between two tries of what is due; less for short lives
	lifeShare = 50
)

// Config says where certificates are kept and who is told.
type Config struct {
	// Dir is the folder of accounts, keys and certificates; it is made with mode 0700.
	Dir string
	// Tell is called for each certificate that came and each try that failed. It must
	// not block.
	Tell func(Report)
	Log  *slog.Logger // nil: discard
}

// Report is what became of one try.
type Report struct {
	Service, Host string
	Renewal       bool
	Err           error // nil: the certificate came
}

// Keeper keeps the certificates of orders. It lasts as long as the process and is safe
// for concurrent use.
type Keeper struct {
	cfg     Config
	storage *certmagic.FileStorage
	wake    chan struct{}

	mu     sync.Mutex
	orders map[string]Order // by host, as they are to be
	kept   map[string]*kept // as they are
	failed map[string]Report
	tried  map[string]time.Time
}

// kept is an order that is followed.
type kept struct {
	order Order
	magic *certmagic.Config
	stop  context.CancelFunc
}

// New makes a keeper without orders.
func New(cfg Config) *Keeper {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Keeper{cfg: cfg, storage: &certmagic.FileStorage{Path: cfg.Dir}, wake: make(chan struct{}, 1),
		orders: map[string]Order{}, kept: map[string]*kept{}, failed: map[string]Report{}, tried: map[string]time.Time{}}
}

// Set is the certificate of an order as a gate serves it: the one on the disk, or none
// yet. It asks nobody for anything. Errors are of kind Invalid.
func (k *Keeper) Set(o Order, now time.Time) (*tlsterm.Set, error) {
	if _, err := o.issuer(); err != nil {
		return nil, err
	}
	file := func(key string) string { return k.storage.Filename(key) }
	return tlsterm.Kept(file(certmagic.StorageKeys.SiteCert(o.issuerKey(), o.Host)), file(certmagic.StorageKeys.SitePrivateKey(o.issuerKey(), o.Host)),
		o.Host, prove, now), nil
}

// Keep replaces the orders; Run follows them. Certificates of names that are ordered no
// more stay on the disk.
func (k *Keeper) Keep(orders []Order) {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.orders)
	for _, o := range orders {
		k.orders[o.Host] = o
	}
	select {
	case k.wake <- struct{}{}:
	default: // it is awake
	}
}

// Failures are the names whose last try failed, in order.
func (k *Keeper) Failures() (out []Report) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, host := range slices.Sorted(maps.Keys(k.failed)) {
		if _, ordered := k.orders[host]; ordered {
			out = append(out, k.failed[host])
		}
	}
	return out
}

// Run follows the orders until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	var cache *certmagic.Cache // begun with the first order: it has a goroutine
	for {
		select {
		case <-ctx.Done():
			return k.end(context.WithoutCancel(ctx), cache)
		case <-k.wake:
			if cache == nil && k.any() {
				cache = certmagic.NewCache(certmagic.CacheOptions{GetConfigForCert: k.configOf, Logger: quiet(k.cfg.Log)})
			}
			if cache != nil {
				k.follow(ctx, cache)
			}
		case now := <-tick.C:
			if cache != nil && k.due(cache, now) {
				if err := cache.RenewManagedCertificates(ctx); err != nil {
					k.cfg.Log.Warn("certificates were not looked after", "err", err)
				}
			}
		}
	}
}

func (k *Keeper) any() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.orders) > 0
}

func (k *Keeper) end(ctx context.Context, cache *certmagic.Cache) error {
	k.mu.Lock()
	for _, one := range k.kept {
		one.stop()
	}
	k.mu.Unlock()
	if cache == nil {
		return nil
	}
	cache.Stop()
	certmagic.CleanUpOwnLocks(ctx, quiet(k.cfg.Log))
	return nil
}

// follow lets go of what is ordered no more, or otherwise, and begins what is new.
func (k *Keeper) follow(ctx context.Context, cache *certmagic.Cache) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for host, one := range k.kept {
		if k.orders[host] == one.order {
			continue
		}
		one.stop()
		delete(k.kept, host)
		delete(k.failed, host)
		cache.RemoveManaged([]certmagic.SubjectIssuer{{Subject: host}})
	}
	for host, o := range k.orders {
		if k.kept[host] != nil {
			continue
		}
		if err := k.begin(ctx, cache, o); err != nil {
			k.failed[host] = Report{Service: o.Service, Host: host, Err: err}
			k.cfg.Log.Error("a certificate cannot be kept", "host", host, "err", err)
		}
	}
}

func (k *Keeper) begin(ctx context.Context, cache *certmagic.Cache, o Order) error {
	about, err := o.issuer()
	if err != nil {
		return err
	}
	own, stop := context.WithCancel(ctx)
	magic := certmagic.New(cache, certmagic.Config{
		RenewalWindowRatio: float64(o.Renew) / 100, Storage: k.storage, Logger: quiet(k.cfg.Log),
		OCSP:    certmagic.OCSPConfig{DisableStapling: true}, // the gates staple, for all certificates alike
		OnEvent: func(_ context.Context, event string, data map[string]any) error { return k.hear(&o, event, data) },
	})
	about.Logger = magic.Logger
	magic.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(magic, about)}
	k.kept[o.Host] = &kept{order: o, magic: magic, stop: stop}
	return magic.ManageAsync(own, []string{o.Host})
}

// hear turns certmagic's events into reports, and keeps it from asking for a name that
// is ordered no more.
func (k *Keeper) hear(o *Order, event string, data map[string]any) error {
	r := Report{Service: o.Service, Host: o.Host}
	r.Renewal, _ = data["renewal"].(bool)
	switch event {
	case "cert_obtaining":
		return k.stillOrdered(o)
	case "cert_obtained":
	case "cert_failed":
		if r.Err, _ = data["error"].(error); r.Err == nil {
			r.Err = errors.New("no certificate was issued")
		}
	default:
		return nil
	}
	k.mu.Lock()
	delete(k.failed, o.Host)
	if r.Err != nil {
		k.failed[o.Host] = r
	}
	k.mu.Unlock()
	k.cfg.Tell(r)
	return nil
}

func (k *Keeper) stillOrdered(o *Order) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.orders[o.Host] != *o {
		return fmt.Errorf("%s is not ordered any more", o.Host)
	}
	return nil
}

// configOf is how certmagic finds what a certificate is kept by.
func (k *Keeper) configOf(c certmagic.Certificate) (*certmagic.Config, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, name := range c.Names {
		if one := k.kept[name]; one != nil {
			return one.magic, nil
		}
	}
	return nil, fmt.Errorf("%v is not kept any more", c.Names)
}

// due reports whether a certificate is to be renewed now. certmagic looks by itself
// every ten minutes, which is late for one that lives for an hour.
func (k *Keeper) due(cache *certmagic.Cache, now time.Time) (any bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for host, one := range k.kept {
		for _, c := range cache.AllMatchingCertificates(host) {
			life := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)
			pause := min(max(life/lifeShare, look), retryMost)
			if c.Leaf.NotAfter.Sub(now) > life/100*time.Duration(one.order.Renew) || now.Sub(k.tried[host]) < pause {
				continue
			}
			k.tried[host], any = now, true
		}
	}
	return any
}

// Path is where http-01 is asked for.
const Path = "/.well-known/acme-challenge/"

// Answer is the answer to a challenge of http-01 that is under way; whoever asks may
// have it.
func Answer(host, path string) (string, bool) {
	if !strings.HasPrefix(path, Path) {
		return "", false
	}
	c, ok := certmagic.GetACMEChallenge(host)
	if !ok || c.Type != string(HTTP01) || c.HTTP01ResourcePath() != path {
		return "", false
	}
	return c.KeyAuthorization, true
}

// prove is the certificate that answers tls-alpn-01; nil if none is asked for.
func prove(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c, ok := certmagic.GetACMEChallenge(strings.ToLower(hello.ServerName))
	if !ok || c.Type != string(TLSALPN01) {
		return nil, nil
	}
	return acmez.TLSALPN01ChallengeCert(c.Challenge)
}
