package banlist

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"haechi"
)

// The bounds of a list: bytes, and entries.
const (
	MaxBytes   = 16 << 20
	MaxEntries = 50_000
)

// Format is what a list was read as.
type Format string

// The formats.
const (
	Plain    Format = "list"     // a line for each address
	Fail2ban Format = "fail2ban" // fail2ban-client banned
	CrowdSec Format = "crowdsec" // cscli decisions list, as JSON or CSV
)

// Entry is one ban.
type Entry struct {
	Scope haechi.Scope
	For   time.Duration // what is left of it; 0: it does not say
	Jail  string        // of fail2ban; else empty
}

// List is what was read.
type List struct {
	Format  Format
	Entries []Entry
	Left    int // understood and left out: no ban, no address, ended, simulated
}

// Read reads a list to its end. now and zone are for lists that say when a ban ends, as
// local time. Errors are of kind Invalid or Exhausted and name the place.
func Read(in io.Reader, now time.Time, zone *time.Location) (List, error) {
	text, err := io.ReadAll(io.LimitReader(in, MaxBytes+1))
	if err != nil {
		return List{}, fmt.Errorf("read the list: %w", err)
	}
	if len(text) > MaxBytes {
		return List{}, &haechi.Error{Kind: haechi.Exhausted, Op: "read the list", Msg: "it is longer than 16 MiB", Hint: "split it"}
	}
	r := reader{now: now, zone: zone}
	if err := r.read(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))); err != nil {
		return List{}, err
	}
	return r.list, nil
}

// reader reads one list.
type reader struct {
	now  time.Time
	zone *time.Location
	list List
}

func (r *reader) read(text []byte) error {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	switch start := bytes.TrimSpace(text); {
	case len(start) == 0:
		r.list.Format = Plain
		return nil
	case bytes.Equal(start, []byte("null")), bytes.HasPrefix(start, []byte("[]")), startsWith(start, "[{\""):
		r.list.Format = CrowdSec
		return r.json(start)
	case start[0] == '[':
		r.list.Format = Fail2ban
		return r.banned(start)
	case bytes.ContainsRune(first, ',') && columnsOf(first) != nil:
		r.list.Format = CrowdSec
		return r.csv(text)
	}
	r.list.Format = Plain
	return r.lines(text)
}

// startsWith compares the start of the text without its white space.
func startsWith(text []byte, want string) bool {
	for _, b := range text {
		switch {
		case want == "":
			return true
		case b == ' ' || b == '\t' || b == '\r' || b == '\n':
		case b != want[0]:
			return false
		default:
			want = want[1:]
		}
	}
	return want == ""
}

// add takes one ban. left is what is left of it; a negative one says that it ended.
func (r *reader) add(at string, value string, left time.Duration, jail string) error {
	scope, err := scopeOf(value)
	if err != nil {
		return wrong(at, fmt.Sprintf("%q is no address or network", clip(value)))
	}
	if left < 0 {
		r.list.Left++
		return nil
	}
	if len(r.list.Entries) >= MaxEntries {
		return &haechi.Error{Kind: haechi.Exhausted, Op: "read the list", Msg: "it has more than 50,000 entries", Hint: "split it, or name networks in place of addresses"}
	}
	r.list.Entries = append(r.list.Entries, Entry{Scope: scope, For: left, Jail: jail})
	return nil
}

func wrong(at, msg string) error {
	return &haechi.Error{Kind: haechi.Invalid, Op: "read " + at + " of the list", Msg: msg, Hint: "docs/fail2ban.md shows what is read; nothing was changed"}
}

// clip bounds what is said of a foreign text.
func clip(text string) string {
	if len(text) > 80 {
		return text[:80] + "…"
	}
	return text
}
