package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// rate is a limit as it is written: "300/min", "5/s burst 10", "20/30s".
type rate struct {
	Events int
	Per    time.Duration
	Burst  int // 0: Events
}

const (
	rateHint  = `write how many in what time, for example 300/min, 10000/h or 5/s burst 10`
	maxEvents = 8_000_000 // what the limiter's arrival times hold
)

// perNames are the spelled periods; the first of each length is how it is printed.
func perName(text string) (time.Duration, bool) {
	switch text {
	case "s", "sec", "second":
		return time.Second, true
	case "min", "minute":
		return time.Minute, true
	case "h", "hour":
		return time.Hour, true
	case "d", "day":
		return 24 * time.Hour, true
	}
	d, err := parseDuration(text)
	return d, err == nil && d > 0
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *rate) UnmarshalText(b []byte) error {
	text := string(b)
	fail := wrong(rateHint, "%s is no rate", quoted(text))
	words := strings.Fields(text)
	if len(words) != 1 && (len(words) != 3 || words[1] != "burst") {
		return fail
	}
	count, per, _ := strings.Cut(words[0], "/")
	events, ok := whole(count)
	length, known := perName(per)
	if !ok || !known {
		return fail
	}
	out := rate{Events: events, Per: length}
	if len(words) == 3 {
		if out.Burst, ok = whole(words[2]); !ok {
			return fail
		}
	}
	if out.Events > maxEvents || out.Burst > maxEvents || float64(out.Events) > 1e6*out.Per.Seconds() {
		return wrong("the most is one million a second and 8000000 at once", "the rate %s is too high", quoted(text))
	}
	*r = out
	return nil
}

// whole reads a whole number above 0; digits may be grouped as 10_000.
func whole(text string) (int, bool) {
	if strings.HasPrefix(text, "_") || strings.HasPrefix(text, "+") {
		return 0, false
	}
	n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
	return n, err == nil && n > 0
}

// MarshalText implements encoding.TextMarshaler.
func (r rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

func (r rate) String() string {
	per := duration(r.Per).String()
	switch r.Per {
	case time.Second:
		per = "s"
	case time.Minute:
		per = "min"
	case time.Hour:
		per = "h"
	case 24 * time.Hour:
		per = "day"
	}
	text := fmt.Sprintf("%d/%s", r.Events, per)
	if r.Burst > 0 {
		text += fmt.Sprintf(" burst %d", r.Burst)
	}
	return text
}

// spend is a share of time as it is written: "200ms/s burst 5s", or "off".
type spend struct{ Time, Per, Burst time.Duration }

const spendHint = `write how much time in what time, and how much at once, for example 200ms/s burst 5s; or off`

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *spend) UnmarshalText(b []byte) error {
	text := string(b)
	if text == "off" {
		*s = spend{}
		return nil
	}
	fail := wrong(spendHint, "%s is no share of time", quoted(text))
	words := strings.Fields(text)
	if len(words) != 3 || words[1] != "burst" {
		return fail
	}
	share, per, _ := strings.Cut(words[0], "/")
	length, known := perName(per)
	part, err := parseDuration(share)
	most, errMost := parseDuration(words[2])
	if err != nil || errMost != nil || !known {
		return fail
	}
	if part < time.Millisecond || most < part || most > 10*time.Minute || part > 100*length || length > time.Hour {
		return wrong("1ms at least; at once no less than that and 10m at most; in one hour at most", "the share %s is out of bounds", quoted(text))
	}
	*s = spend{part, length, most}
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (s spend) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s spend) String() string {
	if s.Time == 0 {
		return "off"
	}
	per := strings.TrimPrefix(rate{1, s.Per, 0}.String(), "1/")
	return fmt.Sprintf("%s/%s burst %s", duration(s.Time), per, duration(s.Burst))
}
