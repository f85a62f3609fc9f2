package devices

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"haechi"
)

const (
	// MaxOpenCodes bounds the codes that are open at once. Each costs one HMAC for
	// the first signed frame of a device that is not approved.
	MaxOpenCodes = 32
	// MaxCodeUses is how many devices one code may let in at most.
	MaxCodeUses = 100
	// MaxCodeLife is how long a code may be open at most.
	MaxCodeLife = 30 * 24 * time.Hour
	// codeKept is how long a code that is over stays in the list, maxCodes how many
	// codes are kept at most.
	codeKept = 30 * 24 * time.Hour
	maxCodes = 1000
	// tryEvery is how often at most one device that is not approved is asked for a
	// code. Phones come back a minute after they were refused.
	tryEvery = 30 * time.Second
)

// codePrefix begins every code and says of what kind it is.
const codePrefix = "HC1-"

// ByCode begins the name of a code where a person's would stand.
const ByCode = "code:"

// codes are the enrolment codes by id.
type codes struct {
	mu       sync.Mutex
	all      map[string]*haechi.EnrolCode // each replaced whole
	tried    *doormat                     // by devices that found no place in the queue
	enrolled atomic.Uint64
}

func (c *codes) open(now time.Time) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, code := range c.all {
		if code.Open(now) {
			n++
		}
	}
	return n
}

func (c *codes) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

func (c *codes) get(id string) *haechi.EnrolCode {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[id]
}

func (c *codes) put(code *haechi.EnrolCode) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[code.ID] = code
}

func (r *Registry) loadCodes(ctx context.Context) error {
	list, err := r.store.Codes(ctx)
	if err != nil {
		return err
	}
	r.codes.all, r.codes.tried = make(map[string]*haechi.EnrolCode, len(list)), newDoormat()
	for i := range list {
		r.codes.all[list[i].ID] = &list[i]
	}
	return nil
}

// EnrolCodes lists the codes, those made last first.
func (r *Registry) EnrolCodes() []haechi.EnrolCode {
	r.codes.mu.Lock()
	defer r.codes.mu.Unlock()
	out := make([]haechi.EnrolCode, 0, len(r.codes.all))
	for _, c := range r.codes.all {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b haechi.EnrolCode) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// DraftCode makes an enrolment code with the given Service, Bot, Label, Uses (0
// means 1) and Until, which counts once [Registry.AddCode] has taken it, and shows
// it: the only time. Errors: Invalid; Exhausted when too many are open.
//
// The code is what a device uses as its secret, with an empty salt; its second part
// is the id of that key, for clients that name theirs. It is longer than 64 bytes,
// so HMAC-SHA256 uses its SHA-256 in its place, and that is all that is kept: the
// code cannot be had back from it, while signatures by the code are checked with it.
func (r *Registry) DraftCode(spec haechi.EnrolCode, by string, now time.Time) (haechi.NewCode, error) {
	c := haechi.EnrolCode{Service: spec.Service, Bot: spec.Bot, Label: spec.Label, Uses: max(spec.Uses, 1), Until: spec.Until, Created: now, By: by}
	if err := validCode(&c, now); err != nil {
		return haechi.NewCode{}, err
	}
	if err := r.roomForCode(now); err != nil {
		return haechi.NewCode{}, err
	}
	var text string
	for text == "" || r.codes.get(c.ID) != nil {
		c.ID, text = randomCode()
	}
	sum := sha256.Sum256([]byte(text))
	c.Hash = sum[:]
	return haechi.NewCode{EnrolCode: c, Code: text}, nil
}

func (r *Registry) roomForCode(now time.Time) error {
	if n := r.codes.open(now); n >= MaxOpenCodes || r.codes.size() >= maxCodes {
		return &haechi.Error{Kind: haechi.Exhausted, Op: "make an enrolment code", Msg: fmt.Sprintf("%d codes are open already", n),
			Hint: "end one with haechi devices code end, or make one code for several devices with --uses"}
	}
	return nil
}

// AddCode takes a drafted code up, durably. Errors: Exhausted, Conflict when there
// is one with its id, or the store's.
func (r *Registry) AddCode(ctx context.Context, c haechi.EnrolCode, now time.Time) error {
	r.admin.Lock()
	defer r.admin.Unlock()
	if err := r.roomForCode(now); err != nil {
		return err
	}
	if r.codes.get(c.ID) != nil {
		return &haechi.Error{Kind: haechi.Conflict, Op: "make an enrolment code", Msg: "there is one with its id already"}
	}
	if err := r.ask(func() error { return r.store.SaveCode(ctx, &c) }); err != nil {
		return fmt.Errorf("make an enrolment code: %w", err)
	}
	r.codes.put(&c)
	return nil
}

func validCode(c *haechi.EnrolCode, now time.Time) error {
	bad := func(msg, hint string) error {
		return &haechi.Error{Kind: haechi.Invalid, Op: "make an enrolment code", Msg: msg, Hint: hint}
	}
	switch {
	case c.Service == "":
		return bad("it is not said for which service", "add the service's name")
	case c.Uses > MaxCodeUses:
		return bad(fmt.Sprintf("a code lets at most %d devices in", MaxCodeUses), "make several")
	case !c.Until.After(now) || c.Until.Sub(now) > MaxCodeLife:
		return bad("a code ends within 30 days", "say for how long, for example 1h or 7d")
	}
	for _, text := range []string{c.Service, c.Bot, c.Label} {
		if len(text) > maxText*2 || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || strings.Contains(c.Bot, "/") {
			return bad("service, bot name or label is too long or holds what no name may", "at most 128 bytes, without control characters; no / in a bot name")
		}
	}
	return nil
}

// crockford is an alphabet without look-alikes; QR codes hold it two characters in
// eleven bits.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// randomCode is a code and its public id: HC1-IIIII- and 52 random characters (260
// bits) in groups of four, 74 in all.
func randomCode() (id, text string) {
	raw := make([]byte, 5+52)
	rand.Read(raw) // never fails: the program ends if the system has no randomness
	for i := range raw {
		raw[i] = crockford[raw[i]%32]
	}
	id = string(raw[:5])
	groups := []string{}
	for g := range slices.Chunk(raw[5:], 4) {
		groups = append(groups, string(g))
	}
	return id, codePrefix + id + "-" + strings.Join(groups, "-")
}

// EndCode ends a code early, durably; the devices that it let in stay. Errors:
// NotFound, Conflict if it is over, or the store's.
func (r *Registry) EndCode(ctx context.Context, id, by string, now time.Time) (haechi.EnrolCode, error) {
	return r.changeCode(ctx, "end an enrolment code", id, func(c *haechi.EnrolCode) error {
		if !c.Open(now) {
			return &haechi.Error{Kind: haechi.Conflict, Op: "end an enrolment code", Msg: "the code is over already"}
		}
		c.EndedAt, c.EndedBy = now, by
		return nil
	})
}

// ReopenCode takes EndCode back. Errors: NotFound, Conflict if the code would be
// over all the same, Exhausted, or the store's.
func (r *Registry) ReopenCode(ctx context.Context, id string, now time.Time) (haechi.EnrolCode, error) {
	const op = "reopen an enrolment code"
	return r.changeCode(ctx, op, id, func(c *haechi.EnrolCode) error {
		if c.EndedAt.IsZero() {
			return &haechi.Error{Kind: haechi.Conflict, Op: op, Msg: "nobody ended the code"}
		}
		c.EndedAt, c.EndedBy = time.Time{}, ""
		switch {
		case !c.Open(now):
			return &haechi.Error{Kind: haechi.Conflict, Op: op, Msg: "the code's time is over or it is used up", Hint: "make a new one"}
		case r.codes.open(now) >= MaxOpenCodes:
			return &haechi.Error{Kind: haechi.Exhausted, Op: op, Msg: "too many codes are open"}
		}
		return nil
	})
}

func (r *Registry) changeCode(ctx context.Context, op, id string, change func(*haechi.EnrolCode) error) (haechi.EnrolCode, error) {
	r.admin.Lock()
	defer r.admin.Unlock()
	old := r.codes.get(id)
	if old == nil {
		return haechi.EnrolCode{}, &haechi.Error{Kind: haechi.NotFound, Op: op, Msg: fmt.Sprintf("no enrolment code %q", id), Hint: "haechi devices code lists them"}
	}
	c := *old
	if err := change(&c); err != nil {
		return haechi.EnrolCode{}, err
	}
	if err := r.ask(func() error { return r.store.SaveCode(ctx, &c) }); err != nil {
		return haechi.EnrolCode{}, fmt.Errorf("%s: %w", op, err)
	}
	r.codes.put(&c)
	return c, nil
}

// forgetCodes takes codes out of the list that have long been over.
func (r *Registry) forgetCodes(ctx context.Context, now time.Time) error {
	r.admin.Lock()
	defer r.admin.Unlock()
	for _, c := range r.EnrolCodes() {
		over := c.Until
		if !c.EndedAt.IsZero() && c.EndedAt.Before(over) {
			over = c.EndedAt
		}
		if now.Sub(over) <= codeKept {
			continue
		}
		if err := r.ask(func() error { return ignoreMissing(r.store.DeleteCode(ctx, c.ID)) }); err != nil {
			return err
		}
		r.codes.mu.Lock()
		delete(r.codes.all, c.ID)
		r.codes.mu.Unlock()
	}
	return nil
}
