package banlist

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"haechi"
)

// scopeOf reads an address, a network, or either with ip: or prefix: before it. A name is
// an error: nothing is looked up.
func scopeOf(text string) (haechi.Scope, error) {
	kind, rest, ok := strings.Cut(text, ":")
	if ok && (kind == "ip" || kind == "prefix") {
		text = rest
	}
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		if err == nil && p.Addr().Is4In6() {
			err = errors.New("an IPv4 network in IPv6 clothes")
		}
		return haechi.Scope{Kind: haechi.ScopePrefix, Prefix: p.Masked()}, err
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return haechi.Scope{}, err
	}
	a = a.Unmap().WithZone("")
	return haechi.Scope{Kind: haechi.ScopeAddress, Prefix: netip.PrefixFrom(a, a.BitLen())}, nil
}

// lines reads ADDRESS [TIME] [# remark], and fail2ban's own ADDRESS BEGIN + SECONDS = END.
func (r *reader) lines(text []byte) error {
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		at := fmt.Sprintf("line %d", n)
		left, err := r.left(words[1:])
		if err != nil {
			return wrong(at, err.Error())
		}
		if err := r.add(at, words[0], left, ""); err != nil {
			return err
		}
	}
	return nil
}

// left is what the words behind an address leave of its ban; negative when it is over.
func (r *reader) left(words []string) (time.Duration, error) {
	switch {
	case len(words) == 0:
		return 0, nil
	case len(words) == 1:
		return length(words[0])
	case len(words) == 7 && words[2] == "+" && words[4] == "=":
		if words[3] == "-1" { // for ever
			return 0, nil
		}
		end, err := time.ParseInLocation(time.DateTime, words[5]+" "+words[6], r.zone)
		if err != nil {
			return 0, fmt.Errorf("%q is no time", clip(words[5]+" "+words[6]))
		}
		return before(end.Sub(r.now)), nil
	}
	return 0, fmt.Errorf("%q is no time of a ban, for example 600, 1h or 7d", clip(strings.Join(words, " ")))
}

// before is a length that is never 0, which would mean none.
func before(left time.Duration) time.Duration {
	if left == 0 {
		return -1
	}
	return left
}

// length reads seconds, Go's units, and days.
func length(text string) (time.Duration, error) {
	unit, number := time.Second, text
	if n := len(text) - 1; n > 0 && text[n] == 'd' {
		unit, number = 24*time.Hour, text[:n]
	}
	if n, err := strconv.ParseUint(number, 10, 32); err == nil && n > 0 && time.Duration(n) <= longest/unit {
		return time.Duration(n) * unit, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 && d <= longest {
		return d, nil
	}
	return 0, fmt.Errorf("%q is no time of a ban, for example 600, 1h or 7d", clip(text))
}

// longest bounds a ban that says how long it is.
const longest = 20 * 365 * 24 * time.Hour
