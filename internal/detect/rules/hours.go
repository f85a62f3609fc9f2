package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const dayMinutes = 24 * 60

// hours is a half-open range of a day's minutes in a time zone: from is in it, to
// is not. It may run over midnight.
type hours struct {
	from, to int // minutes since midnight; to may be 1440
	zone     *time.Location
	// zones are the time zones of services that have one of their own; nil where
	// the rule names its zone itself.
	zones map[string]*time.Location
}

// parseHours reads "02:00-06:00".
func parseHours(text string, zone *time.Location) (*hours, error) {
	a, b, ok := strings.Cut(text, "-")
	from, err1 := parseClock(a)
	to, err2 := parseClock(b)
	if !ok || err1 != nil || err2 != nil || from == dayMinutes {
		return nil, fmt.Errorf("%q is no range of hours: write two times of 00:00 to 24:00, for example \"02:00-06:00\"", text)
	}
	if from == to {
		return nil, fmt.Errorf("the range %q is empty: the second time is not part of it", text)
	}
	return &hours{from: from, to: to, zone: zone}, nil
}

func parseClock(text string) (minutes int, err error) {
	h, m, ok := strings.Cut(strings.TrimSpace(text), ":")
	hh, err1 := strconv.Atoi(h)
	mm, err2 := strconv.Atoi(m)
	if !ok || err1 != nil || err2 != nil || len(h) != 2 || len(m) != 2 || hh < 0 || mm < 0 || mm > 59 || hh*60+mm > dayMinutes {
		return 0, fmt.Errorf("%q is no time of day", text)
	}
	return hh*60 + mm, nil
}

// length is how long the range lasts on an ordinary day.
func (h *hours) length() time.Duration {
	minutes := (h.to - h.from + dayMinutes) % dayMinutes
	if minutes == 0 {
		minutes = dayMinutes // 00:00-24:00
	}
	return time.Duration(minutes) * time.Minute
}

// period reports whether the time is in the range where the service is, and numbers
// the period by the day on which it began, so that a night over midnight is one.
func (h *hours) period(at time.Time, service string) (number uint64, in bool) {
	zone := h.zone
	if z := h.zones[service]; z != nil {
		zone = z
	}
	local := at.In(zone)
	minute := local.Hour()*60 + local.Minute()
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400
	switch {
	case h.from < h.to:
		in = minute >= h.from && minute < h.to
	case minute >= h.from:
		in = true
	case minute < h.to:
		in = true
		day--
	}
	return uint64(day + 1<<32), in
}
