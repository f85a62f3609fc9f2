package catalogue

import "time"

// Length is a duration in its largest fitting unit, with the next one behind it as
// long as it matters: "1 min 5 s", "26 h", "300ms".
func (c *Catalogue) Length(lang string, d time.Duration) string {
	units := []struct {
		size time.Duration
		key  string
	}{{24 * time.Hour, "time.d"}, {time.Hour, "time.h"}, {time.Minute, "time.m"}, {time.Second, "time.s"}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		text := c.Text(lang, u.key, int64(d/u.size))
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 && d/u.size < 10 {
				text += " " + c.Text(lang, units[i+1].key, int64(rest))
			}
		}
		return text
	}
	return d.Round(time.Millisecond).String()
}
