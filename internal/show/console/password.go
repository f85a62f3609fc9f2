package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"

	"haechi"
)

// The argon2id cost of new hashes (RFC 9106; 64 MiB, three passes). A kept hash
// carries its own.
const (
	hashMemory = 64 << 10 // KiB
	hashTime   = 3
	hashLanes  = 2
	hashLength = 32
	saltLength = 16
)

const (
	hashesAtOnce  = 2  // 128 MiB at most
	hashesWaiting = 16 // further ones are refused
)

// hasher makes and checks password hashes, a few at a time.
type hasher struct {
	slots   chan struct{}
	waiting atomic.Int32
	nobody  string // a hash of nothing, that an unknown name is checked against
}

func newHasher() *hasher {
	h := &hasher{slots: make(chan struct{}, hashesAtOnce)}
	noise := make([]byte, saltLength+hashLength)
	_, _ = rand.Read(noise) // never fails
	h.nobody = formatPHC(noise[:saltLength], noise[saltLength:])
	return h
}

// enter waits for a slot; the wait is bounded in number and by ctx.
func (h *hasher) enter(ctx context.Context) error {
	if h.waiting.Add(1) > hashesWaiting {
		h.waiting.Add(-1)
		return &haechi.Error{Kind: haechi.Exhausted, Op: "check the password", Msg: "too many logins at once", Hint: "try again in a moment"}
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &haechi.Error{Kind: haechi.Unavailable, Op: "check the password", Err: ctx.Err()}
	}
}

// make hashes a password into a PHC string.
func (h *hasher) make(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer func() { <-h.slots }()
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // never fails
	return formatPHC(salt, argon2.IDKey([]byte(password), salt, hashTime, hashMemory, hashLanes, hashLength)), nil
}

func formatPHC(salt, sum []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashLanes,
		b64.EncodeToString(salt), b64.EncodeToString(sum))
}

// check compares a password with a kept hash. An empty hash, for a name that
// does not exist, takes as long as any other and never fits.
func (h *hasher) check(ctx context.Context, password, kept string) (bool, error) {
	known := kept != ""
	if !known {
		kept = h.nobody
	}
	p, err := parsePHC(kept)
	if err != nil {
		return false, err
	}
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer func() { <-h.slots }()
	sum := argon2.IDKey([]byte(password), p.salt, p.time, p.memory, p.lanes, uint32(len(p.sum)))
	return subtle.ConstantTimeCompare(sum, p.sum) == 1 && known, nil
}

type phc struct {
	memory, time uint32
	lanes        uint8
	salt, sum    []byte
}

// parsePHC reads a kept hash and refuses costs that no version of this program wrote.
func parsePHC(text string) (p phc, err error) {
	bad := &haechi.Error{Kind: haechi.Internal, Op: "read the kept password hash", Msg: "it is damaged",
		Hint: "set a new password by a login link"}
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, bad
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.lanes); n != 3 || err != nil {
		return p, bad
	}
	if p.memory > 1<<20 || p.memory < 8 || p.time < 1 || p.time > 16 || p.lanes < 1 || p.lanes > 16 {
		return p, bad
	}
	b64 := base64.RawStdEncoding
	var errSalt, errSum error
	p.salt, errSalt = b64.DecodeString(parts[4])
	p.sum, errSum = b64.DecodeString(parts[5])
	if errSalt != nil || errSum != nil || len(p.salt) < 8 || len(p.sum) < 16 || len(p.sum) > 64 {
		return p, bad
	}
	return p, nil
}
