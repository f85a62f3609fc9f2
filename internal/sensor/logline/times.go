package logline

import "time"

// clock reads the times of lines. Where a line names no year it is the newest that is not
// later than a day after now; where it names no zone it is that of the configuration.
type clock struct {
	now  time.Time
	zone *time.Location
	last time.Time // of the line before, for one that has none

	// minute is what a stamp up to its minute meant when it was read last: lines of one
	// minute stand together.
	minute struct {
		text [12]byte
		at   time.Time // zero: none was read
	}
	// second is the same of a whole stamp and the blank behind it.
	second struct {
		text [16]byte
		at   time.Time
	}
	before heading
	whole  instant
	host   hosts
	tags   tags
}

// setNow lets the time pass by which years are found.
func (c *clock) setNow(now time.Time) {
	if now != c.now {
		c.now, c.minute.at, c.second.at, c.before.n = now, time.Time{}, time.Time{}, 0
	}
}

// stamp reads RFC 3164's "Jan _2 15:04:05" at the beginning of a line.
func (c *clock) stamp(b []byte) (at time.Time, rest []byte, ok bool) {
	if len(b) >= 16 && [16]byte(b) == c.second.text && !c.second.at.IsZero() {
		return c.second.at, b[16:], true
	}
	if len(b) < 16 || b[15] != ' ' || b[3] != ' ' || b[6] != ' ' || b[9] != ':' || b[12] != ':' {
		return at, b, false
	}
	second, ok := pair(b[13:], false)
	if !ok || second > 60 {
		return at, b, false
	}
	if m := &c.minute; string(m.text[:]) != string(b[:12]) || m.at.IsZero() {
		if at, ok = c.upToMinute(b); !ok {
			return at, b, false
		}
		copy(m.text[:], b)
		m.at = at
	}
	c.second.text, c.second.at = [16]byte(b), c.minute.at.Add(time.Duration(second)*time.Second)
	return c.second.at, b[16:], true
}

// upToMinute reads the stamp but for its seconds.
func (c *clock) upToMinute(b []byte) (at time.Time, ok bool) {
	month := months(b)
	day, okD := pair(b[4:], true)
	hour, okH := pair(b[7:], false)
	minute, okM := pair(b[10:], false)
	if month == 0 || !okD || !okH || !okM || day == 0 || day > 31 || hour > 23 || minute > 59 {
		return at, false
	}
	at = time.Date(c.now.Year(), month, day, hour, minute, 0, 0, c.zone)
	if at.Sub(c.now) > 24*time.Hour {
		at = time.Date(c.now.Year()-1, month, day, hour, minute, 0, 0, c.zone)
	}
	return at, true
}

func pair(b []byte, blank bool) (int, bool) {
	if b[0] == ' ' && blank {
		return int(b[1] - '0'), '0' <= b[1] && b[1] <= '9'
	}
	return int(b[0]-'0')*10 + int(b[1]-'0'), '0' <= b[0] && b[0] <= '9' && '0' <= b[1] && b[1] <= '9'
}

// months reads an English abbreviation, 0 for none.
func months(b []byte) time.Month {
	const all = "JanFebMarAprMayJunJulAugSepOctNovDec"
	for i := 0; i < len(all); i += 3 {
		if string(b[:3]) == all[i:i+3] {
			return time.Month(i/3 + 1)
		}
	}
	return 0
}

// written reads a time in one of the layouts at the beginning of a line, up to a blank.
func (c *clock) written(b []byte) (at time.Time, rest []byte, ok bool) {
	if len(b) < 19 || b[0] < '0' || b[0] > '9' {
		return at, b, false
	}
	if at, rest, ok = c.whole.read(b); ok {
		return at, rest, true
	}
	for _, l := range [...]struct {
		layout string
		words  int
	}{{time.RFC3339Nano, 1}, {"2006-01-02T15:04:05.999999999", 1}, {"2006-01-02T15:04:05.999999999-0700", 1},
		{"2006-01-02 15:04:05.999999999 -0700", 3}, {"2006-01-02 15:04:05.999999999 MST", 3}, {"2006-01-02 15:04:05,999", 2}, {"2006-01-02 15:04:05.999999999", 2}, {"2006/01/02 15:04:05", 2}} {
		n := words(b, l.words)
		if n < 0 {
			continue
		}
		if at, err := time.ParseInLocation(l.layout, string(b[:n]), c.zone); err == nil {
			if l.layout == time.RFC3339Nano {
				c.whole.keep(b[:n], at)
			}
			return at, b[min(n+1, len(b)):], true
		}
	}
	return at, b, false
}

// words is the length of so many words and the blanks between them, -1 without so many.
func words(b []byte, n int) int {
	for i, c := range b {
		if c == ' ' {
			if n--; n == 0 {
				return i
			}
		}
	}
	if n == 1 {
		return len(b)
	}
	return -1
}
