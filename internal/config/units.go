package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// mistake is an error about a value that knows what to write instead.
type mistake struct{ msg, hint string }

func (m *mistake) Error() string { return m.msg }

func wrong(hint, format string, args ...any) error {
	return &mistake{msg: fmt.Sprintf(format, args...), hint: hint}
}

// duration is a span of time as it is written: 300s, 5m, 1h30m, 90d, 2w.
type duration time.Duration

const durationHint = `write a number with its unit: ms, s, m, h, d or w, for example 90s, 5m or 30d`

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *duration) UnmarshalText(b []byte) error {
	v, err := parseDuration(string(b))
	*d = duration(v)
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (d duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d duration) String() string {
	if d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := time.Duration(d).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

func parseDuration(text string) (time.Duration, error) {
	fail := wrong(durationHint, "%s is no duration", quoted(text))
	days := map[string]time.Duration{"d": time.Duration(day), "w": 7 * time.Duration(day)}
	for unit, length := range days {
		if n, ok := strings.CutSuffix(text, unit); ok {
			v, err := strconv.ParseInt(n, 10, 64)
			if err != nil || v < 0 || v > int64(math.MaxInt64/length) {
				return 0, fail
			}
			return time.Duration(v) * length, nil
		}
	}
	v, err := time.ParseDuration(text)
	if err != nil || v < 0 || strings.HasPrefix(text, "-") || (v != 0 && v < time.Millisecond) {
		return 0, fail
	}
	return v, nil
}

// size is a number of bytes as it is written: 512B, 64KiB, 100MiB, 1GB.
type size int64

type sizeUnit struct {
	name  string
	bytes int64
}

// sizeUnits has the larger first, and B last because the others end in it.
func sizeUnits() []sizeUnit {
	return []sizeUnit{
		{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
		{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
	}
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *size) UnmarshalText(b []byte) error {
	text := string(b)
	for _, u := range sizeUnits() {
		if n, ok := strings.CutSuffix(text, u.name); ok {
			v, err := strconv.ParseInt(strings.TrimSuffix(n, " "), 10, 64)
			if err != nil || v < 0 || v > math.MaxInt64/u.bytes {
				break
			}
			*s = size(v * u.bytes)
			return nil
		}
	}
	return wrong(`write a whole number with its unit: B, KiB, MiB or GiB, for example 100MiB`, "%s is no size", quoted(text))
}

// MarshalText implements encoding.TextMarshaler.
func (s size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String takes the unit that gives the shortest text.
func (s size) String() string {
	best := "0B"
	for _, u := range sizeUnits() {
		if s == 0 || int64(s)%u.bytes != 0 {
			continue
		}
		if text := strconv.FormatInt(int64(s)/u.bytes, 10) + u.name; best == "0B" || len(text) < len(best) {
			best = text
		}
	}
	return best
}

// hours is a part of the day as it is written: "02:00-06:00", half-open.
type hours string

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *hours) UnmarshalText(b []byte) error {
	from, to, ok := strings.Cut(string(b), "-")
	if !ok || !clock(from) || !clock(to) || from == "24:00" {
		return wrong(`write two times of day, for example "02:00-06:00"; the second is not part of it`, "%s is no range of hours", quoted(string(b)))
	}
	if from == to {
		return wrong(`the second time is not part of the range: the whole day is "00:00-24:00"`, "the range %s is empty", quoted(string(b)))
	}
	*h = hours(b)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (h hours) MarshalText() ([]byte, error) { return []byte(h), nil }

func clock(text string) bool {
	if text == "24:00" {
		return true
	}
	_, err := time.Parse("15:04", text)
	return err == nil && len(text) == len("15:04")
}

// parameter is one value of a detector as it is written. Which kind it must be of is
// known where the rules are loaded.
type parameter string

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *parameter) UnmarshalText(b []byte) error {
	const most = 4096 // a list of words
	if len(b) == 0 || len(b) > most || strings.ContainsFunc(string(b), isControl) {
		return wrong("write one value, for example 20, 0.5, 90s or 100MiB", "%s is no value", quoted(string(b)))
	}
	*p = parameter(b)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (p parameter) MarshalText() ([]byte, error) { return []byte(p), nil }

// zone is the name of a time zone.
type zone string

// UnmarshalText implements encoding.TextUnmarshaler.
func (z *zone) UnmarshalText(b []byte) error {
	_, err := time.LoadLocation(string(b))
	if err != nil || len(b) == 0 {
		return wrong(`write a name of the time zone database, for example Asia/Seoul, UTC or Local`, "%s is no time zone", quoted(string(b)))
	}
	*z = zone(b)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (z zone) MarshalText() ([]byte, error) { return []byte(z), nil }

// location is the zone at work; what loaded before does not fail now.
func (z zone) location() *time.Location {
	l, err := time.LoadLocation(string(z))
	if err != nil {
		return time.UTC
	}
	return l
}

// asMistake gives any error of a value the form of one with a hint.
func asMistake(err error) *mistake {
	var m *mistake
	if errors.As(err, &m) {
		return m
	}
	return &mistake{msg: err.Error()}
}

// quoted shortens what a person wrote, so that an error stays one line.
func quoted(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return strconv.Quote(text)
}
