package config

import "time"

// attack checks what one source may begin while a flood goes on: the kernel counts by
// seconds and minutes.
func (v *validator) attack(a *rawAttack) {
	for _, r := range []struct {
		key string
		rate
	}{{"attack.new", a.New}, {"attack.syn", a.SYN}, {"attack.echo", a.Echo}} {
		switch {
		case r.Events == 0:
			v.wrongAt(r.key, "write for example 1/s burst 3", "nobody could begin anything")
		case r.Per != time.Second && r.Per != time.Minute:
			v.wrongAt(r.key, "write so many a second or a minute, for example 25/min burst 100", "the kernel counts by the second or the minute")
		case r.Events > 1_000_000 || r.Burst > 1_000_000:
			v.wrongAt(r.key, "write at most a million", "%d would be no limit", max(r.Events, r.Burst))
		}
	}
}
