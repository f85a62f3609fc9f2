package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"haechi/internal/operate/demo"
)

// build starts the sample servers and writes the configuration of the gateway in
// front of them.
func (st *stage) build(ctx context.Context, failed chan<- error) error {
	bots, err := serveBots(ctx, failed, st.log)
	if err != nil {
		return err
	}
	shop, err := serveShop(ctx, failed)
	if err != nil {
		return err
	}
	free := freeAddrs("127.0.0.1:1491", "127.0.0.1:8443", "127.0.0.1:9443")
	st.bots, st.shop, st.site = free[0], free[1], free[2]
	st.config = filepath.Join(st.dir, "haechi.yaml")
	return os.WriteFile(st.config, fmt.Appendf(nil, demoConfig, st.dir, st.site, st.bots, bots, st.shop, shop), 0o600)
}

// freeAddrs are the preferred addresses where nobody listens, and such as the system
// chooses instead of the others. All are held until the last is chosen, so that no two are
// the same.
func freeAddrs(preferred ...string) []string {
	out := slices.Clone(preferred)
	for i, wanted := range preferred {
		for _, addr := range []string{wanted, "127.0.0.1:0"} {
			if l, err := net.Listen("tcp", addr); err == nil {
				defer l.Close()
				out[i] = l.Addr().String()
				break
			}
		}
	}
	return out
}

// demoConfig is the demo's haechi.yaml.
const demoConfig = `# The demo's configuration. Change it and run: haechi reload
state: %q
zone: Asia/Seoul
console: { listen: %q }
services:
  bots:
    kind: device
    profile: messengerbot
    listen: [%q]
    upstream: %s
    device: { hold: 10s }
  shop:
    kind: http
    hosts: [localhost, 127.0.0.1]
    listen: [%q]
    tls: { dev_ca: true }
    upstream: http://%s
    routes:
      - { path: /login, class: login }
      - { path: /assets, class: asset }
    limits:
      classes: { login: 5/s burst 10 }
rules:
  device/rapid-reconnect: { mode: enforce }
  device/room-hopping: { mode: enforce }
  device/failed-auth: { mode: enforce }
  auth/brute-force: { mode: enforce, for: 5m }
`

func serveBots(ctx context.Context, failed chan<- error, log *slog.Logger) (string, error) {
	l, err := demo.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	bots := demo.NewBotServer(demo.BotConfig{Log: log})
	go func() { failed <- bots.Serve(ctx, l) }()
	return l.Addr().String(), nil
}

func serveShop(ctx context.Context, failed chan<- error) (string, error) {
	shop, err := demo.NewShop()
	if err != nil {
		return "", err
	}
	l, err := demo.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: shop, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = s.Close() })
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	return l.Addr().String(), nil
}
