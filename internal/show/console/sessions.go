package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"haechi"
)

const (
	cookieName    = "__Host-haechi"
	sessionPrefix = "console/session/"
	maxSessions   = 256
	saveEvery     = time.Minute     // a longer idle time is written this often at most
	rememberGone  = 5 * time.Minute // longer than any request takes
)

// manager sets the session library up. The literal leaves out the library's
// in-memory store, whose sweeper could not be stopped.
func (c *Console) manager() *scs.SessionManager {
	return &scs.SessionManager{
		IdleTimeout: c.cfg.Idle,
		Lifetime:    c.cfg.Absolute,
		Store:       c.store,
		Codec:       jsonCodec{},
		ErrorFunc: func(w http.ResponseWriter, r *http.Request, err error) {
			c.problem(w, r, &haechi.Error{Kind: haechi.Unavailable, Op: "keep the session", Err: err})
		},
		Cookie: scs.SessionCookie{Name: cookieName, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode},
	}
}

// jsonCodec encodes sessions with equal content to equal bytes, which the
// library's own codec does not.
type jsonCodec struct{}

type codedSession struct {
	Deadline time.Time         `json:"deadline"`
	Values   map[string]string `json:"values"`
}

// Encode implements scs.Codec for values that are all strings.
func (jsonCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	s := codedSession{Deadline: deadline, Values: make(map[string]string, len(values))}
	for k, v := range values {
		s.Values[k], _ = v.(string)
	}
	return json.Marshal(s)
}

// Decode implements scs.Codec.
func (jsonCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	var s codedSession
	err := json.Unmarshal(b, &s)
	values := make(map[string]any, len(s.Values))
	for k, v := range s.Values {
		values[k] = v
	}
	return s.Deadline, values, err
}

// sessionStore keeps the sessions in memory and, so that a restart logs nobody
// out, in the settings. Both know a hash of the token only.
type sessionStore struct {
	settings Settings
	now      func() time.Time
	mu       sync.Mutex
	live     map[string]*liveSession
	gone     map[string]time.Time // when a session was ended, for a while
}

type liveSession struct {
	data   []byte
	expiry time.Time
	saved  time.Time // the expiry that the settings know
	addr   netip.Addr
	over   chan struct{} // closed when the session is deleted
}

// savedSession is what the settings keep.
type savedSession struct {
	Expiry time.Time       `json:"expiry"`
	Data   json.RawMessage `json:"data"`
}

func newSessionStore(s Settings, now func() time.Time) *sessionStore {
	return &sessionStore{settings: s, now: now, live: map[string]*liveSession{}, gone: map[string]time.Time{}}
}

func hashed(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// FindCtx implements scs.CtxStore.
func (s *sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	id := hashed(token)
	s.mu.Lock()
	l, ok := s.live[id]
	_, ended := s.gone[id]
	s.mu.Unlock()
	if ok {
		return l.data, s.now().Before(l.expiry), nil
	}
	if ended {
		return nil, false, nil
	}
	raw, err := s.settings.Setting(ctx, sessionPrefix+id)
	if haechi.KindOf(err) == haechi.NotFound && err != nil {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	var kept savedSession
	if err := json.Unmarshal(raw, &kept); err != nil || !s.now().Before(kept.Expiry) {
		return nil, false, nil // unreadable is as good as none
	}
	s.put(id, &liveSession{data: kept.Data, expiry: kept.Expiry, saved: kept.Expiry, over: make(chan struct{})})
	return kept.Data, true, nil
}

// CommitCtx implements scs.CtxStore. A session whose idle time merely moved on is
// written at most once a minute.
func (s *sessionStore) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	id := hashed(token)
	next, fresh, ended := s.successor(id, data, expiry)
	if ended {
		return nil
	}
	if fresh {
		s.put(id, next)
		return nil
	}
	raw, err := json.Marshal(savedSession{Expiry: expiry, Data: data})
	if err != nil {
		return err
	}
	if err := s.settings.SetSetting(ctx, sessionPrefix+id, raw, expiry); err != nil {
		return err
	}
	s.put(id, next)
	return nil
}

// successor is the session as it is to be kept; fresh if the settings need not
// know, ended if it was ended while the request that commits it was under way.
func (s *sessionStore) successor(id string, data []byte, expiry time.Time) (next *liveSession, fresh, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next = &liveSession{data: data, expiry: expiry, saved: expiry}
	old, ok := s.live[id]
	if !ok {
		next.over = make(chan struct{})
		_, ended = s.gone[id]
		return next, false, ended
	}
	next.addr, next.over = old.addr, old.over
	if string(old.data) == string(data) && expiry.Sub(old.saved) < saveEvery {
		next.saved = old.saved
		return next, true, false
	}
	return next, false, false
}

// DeleteCtx implements scs.CtxStore and ends the session's streams.
func (s *sessionStore) DeleteCtx(ctx context.Context, token string) error {
	return s.forget(ctx, hashed(token))
}

func (s *sessionStore) forget(ctx context.Context, id string) error {
	s.mu.Lock()
	if l, ok := s.live[id]; ok {
		close(l.over)
		delete(s.live, id)
	}
	now := s.now()
	maps.DeleteFunc(s.gone, func(_ string, at time.Time) bool { return now.Sub(at) > rememberGone })
	s.gone[id] = now
	s.mu.Unlock()
	return s.settings.DeleteSetting(ctx, sessionPrefix+id)
}

// put keeps the session in memory and makes room for it if need be: first the
// expired go, then the one that would expire next, which the settings still know.
func (s *sessionStore) put(id string, l *liveSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ended := s.gone[id]; ended {
		return
	}
	if _, ok := s.live[id]; !ok && len(s.live) >= maxSessions {
		now := s.now()
		maps.DeleteFunc(s.live, func(_ string, l *liveSession) bool { return !now.Before(l.expiry) })
	}
	for len(s.live) >= maxSessions {
		first := slices.MinFunc(slices.Collect(maps.Keys(s.live)), func(a, b string) int {
			return s.live[a].expiry.Compare(s.live[b].expiry)
		})
		if first == id {
			break
		}
		delete(s.live, first)
	}
	s.live[id] = l
}

// touch notes from where a session is used.
func (s *sessionStore) touch(token string, from netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, ok := s.live[hashed(token)]; ok {
		l.addr = from
	}
}

// watch returns a channel that is closed when the session is deleted, and a
// function that says whether it is still valid.
func (s *sessionStore) watch(token string) (over <-chan struct{}, valid func() bool) {
	id := hashed(token)
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.live[id]
	if !ok {
		return nil, func() bool { return false }
	}
	return l.over, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		l, ok := s.live[id]
		return ok && s.now().Before(l.expiry)
	}
}

func (s *sessionStore) addresses() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var all []netip.Addr
	for _, l := range s.live {
		if now.Before(l.expiry) && l.addr.IsValid() && !slices.Contains(all, l.addr) {
			all = append(all, l.addr)
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}

// Find, Commit and Delete complete scs.Store; the library uses the forms above.

// Find implements scs.Store.
func (s *sessionStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit implements scs.Store.
func (s *sessionStore) Commit(token string, b []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, b, expiry)
}

// Delete implements scs.Store.
func (s *sessionStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }
