package httpgate

import (
	"net/http"
	"sync/atomic"
	"time"
)

// date is the Date line of answers, made once a second.
type date struct{ last atomic.Pointer[dated] }

type dated struct {
	second int64
	line   string
}

// line appends the line for that time.
func (d *date) line(b []byte, t time.Time) []byte {
	now := t.Unix()
	p := d.last.Load()
	if p == nil || p.second != now {
		p = &dated{now, "Date: " + t.UTC().Format(http.TimeFormat) + "\r\n"}
		d.last.Store(p)
	}
	return append(b, p.line...)
}
