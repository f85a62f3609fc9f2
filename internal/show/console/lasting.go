package console

import (
	"context"
	"net/http"
	"time"
)

// whileLoggedIn serves an answer that may last for hours, and ends its context as
// soon as the session is deleted, and within [checkSession] after it expired or
// its operator's password changed.
func (c *Console) whileLoggedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		over, valid := c.store.watch(c.sessions.Token(r.Context()))
		if !valid() {
			c.toLogin(w, r)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			defer cancel()
			c.awaitEnd(ctx, r, over, valid)
		}()
		defer func() {
			cancel()
			<-watched
		}()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// awaitEnd returns when the session is over or ctx ends.
func (c *Console) awaitEnd(ctx context.Context, r *http.Request, over <-chan struct{}, valid func() bool) {
	check := time.NewTicker(checkSession)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-over:
			return
		case <-check.C:
			if !valid() || !c.stillOperator(ctx, r) {
				return
			}
		}
	}
}

// stillOperator reports whether the session's operator still has the password that
// the session was made with. What cannot be found out counts as no.
func (c *Console) stillOperator(ctx context.Context, r *http.Request) bool {
	name, err := c.sessionUser(r.WithContext(ctx))
	return err == nil && name != ""
}
