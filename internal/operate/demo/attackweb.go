package demo

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"time"
)

// Attack is one attacker's act: short, bounded, and harmless to everything but
// the sample servers.
type Attack struct {
	Name string // as it is logged, for example "credential stuffing"
	From string // the address it comes from
	// Run acts until it is done or ctx ends, and sums up what came of it.
	Run func(ctx context.Context) string
}

// Bounds of the attacks. Each is just above what the shipped rules and limits
// allow, so that a newcomer sees every one of them answered.
const (
	stuffTries = 40
	stuffEvery = 150 * time.Millisecond
	scanTries  = 130
	scanEvery  = 100 * time.Millisecond
	floodTries = 400 // over all workers
	floodEvery = 40 * time.Millisecond
	floodCrowd = 8 // workers: 200 requests a second
)

// webAttack is an attack by one HTTP client.
func webAttack(name string, cfg WebConfig, act func(ctx context.Context, b *Browser)) (Attack, error) {
	if _, err := NewBrowser(cfg); err != nil {
		return Attack{}, err
	}
	return Attack{Name: name, From: cfg.Source.String(), Run: func(ctx context.Context) string {
		b, err := NewBrowser(cfg)
		if err != nil {
			return err.Error()
		}
		defer b.Close()
		act(ctx, b)
		t := b.Tally()
		return fmt.Sprintf("%d answered, %d refused, %d cut off", t.Passed, t.Refused, t.Failed)
	}}, nil
}

// Stuffing tries 40 leaked passwords on the shop's login in six seconds.
func Stuffing(cfg WebConfig) (Attack, error) {
	return webAttack("credential stuffing", cfg, func(ctx context.Context, b *Browser) {
		paced(ctx, stuffTries, stuffEvery, func(i int) {
			b.Post(ctx, "/login", url.Values{"email": {fmt.Sprintf("user%d@example.com", i)}, "password": {fmt.Sprintf("summer%d!", 2000+i)}})
		})
	})
}

// Scanner asks for 130 pages that a shop should not have, in 13 seconds.
func Scanner(cfg WebConfig) (Attack, error) {
	return webAttack("vulnerability scan", cfg, func(ctx context.Context, b *Browser) {
		paced(ctx, scanTries, scanEvery, func(i int) { b.Get(ctx, scanPath(i)) })
	})
}

func scanPath(i int) string {
	known := []string{"/.env", "/.git/config", "/wp-login.php", "/phpmyadmin/", "/admin.php", "/server-status",
		"/backup.zip", "/config.json", "/actuator/env", "/cgi-bin/test", "/.aws/credentials", "/vendor/phpunit", "/xmlrpc.php"}
	if round := i / len(known); round > 0 {
		return fmt.Sprintf("/old%d%s", round, known[i%len(known)])
	}
	return known[i]
}

// Flood sends 400 requests in two seconds over eight connections.
func Flood(cfg WebConfig) (Attack, error) {
	return webAttack("request flood", cfg, func(ctx context.Context, b *Browser) {
		var wg sync.WaitGroup
		defer wg.Wait()
		for range floodCrowd {
			wg.Go(func() {
				paced(ctx, floodTries/floodCrowd, floodEvery, func(int) { b.Get(ctx, "/api/products") })
			})
		}
	})
}
