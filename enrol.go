package haechi

import "time"

// EnrolCode lets devices in that bring it, until it ends or is used up. The code
// itself is shown once and kept nowhere: what is kept is its SHA-256, which is what
// HMAC makes of a key longer than 64 bytes, so a signature by the code can be
// checked without it.
type EnrolCode struct {
	ID   string `json:"id"` // public; the first part of the code
	Hash Secret `json:"-"`  // SHA-256 of the code's text
	// Service and Bot are where it counts; an empty Bot means any. Label is given to
	// each device that it lets in.
	Service string `json:"service"`
	Bot     string `json:"bot,omitempty"`
	Label   string `json:"label,omitempty"`
	// Uses is how many devices it may let in, Used how many it has.
	Uses    int       `json:"uses"`
	Used    int       `json:"used"`
	Created time.Time `json:"created"`
	Until   time.Time `json:"until"`
	By      string    `json:"by"`
	// EndedAt is set when an operator ended it early.
	EndedAt time.Time `json:"ended,omitzero"`
	EndedBy string    `json:"ended_by,omitempty"`
}

// Open reports whether the code still lets devices in.
func (c *EnrolCode) Open(now time.Time) bool {
	return c.Used < c.Uses && c.EndedAt.IsZero() && now.Before(c.Until)
}

// NewCode is a freshly made enrolment code: the only time that it is shown.
type NewCode struct {
	EnrolCode
	Code string `json:"code"`
}
