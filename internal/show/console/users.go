package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"haechi"
)

const (
	userPrefix  = "console/user/"
	maxName     = 32  // characters
	minPassword = 12  // characters
	maxPassword = 256 // bytes
)

// users keeps who may log in, as one setting a name that holds a PHC string.
type users struct {
	settings Settings
}

// hash returns the kept hash of a name, empty if there is none.
func (u *users) hash(ctx context.Context, name string) (string, error) {
	if !goodName(name) {
		return "", nil
	}
	b, err := u.settings.Setting(ctx, userPrefix+name)
	if err != nil && haechi.KindOf(err) == haechi.NotFound {
		return "", nil
	}
	return string(b), err
}

// exists reports whether anybody may log in at all.
func (u *users) exists(ctx context.Context) (bool, error) {
	names, err := u.settings.SettingNames(ctx, userPrefix)
	return len(names) > 0, err
}

// stamp changes with the password: a session made before the change is over.
func stamp(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return hex.EncodeToString(sum[:12])
}

// sessionUser is the name of the session's operator, "" when there is none.
func (c *Console) sessionUser(r *http.Request) (string, error) {
	name := c.sessions.GetString(r.Context(), "user")
	if name == "" {
		return "", nil
	}
	hash, err := c.users.hash(r.Context(), name)
	if err != nil {
		return "", &haechi.Error{Kind: haechi.Unavailable, Op: "check the session", Err: err}
	}
	if hash == "" || stamp(hash) != c.sessions.GetString(r.Context(), "stamp") {
		return "", nil
	}
	return name, nil
}

// goodName takes letters of any script, digits, dot, dash and underscore.
func goodName(name string) bool {
	return name != "" && utf8.RuneCountInString(name) <= maxName && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
		})
}

func goodPassword(p string) bool {
	return utf8.ValidString(p) && utf8.RuneCountInString(p) >= minPassword && len(p) <= maxPassword
}
