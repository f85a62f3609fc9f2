package sqlrows

import (
	"context"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// Dialect is where two databases say the same thing differently.
type Dialect struct {
	// Failure wraps an error of the database for the operator; nil stays nil, and an
	// error that has its kind already keeps it.
	Failure func(op string, err error) error
	// Keep ends an INSERT that leaves a row alone which is there already. The column
	// is one of the table's key.
	Keep func(column string) string
	// Merge ends an INSERT that writes the columns over a row which is there already, if
	// the condition holds: it reads the row's columns as OLD.name, the new ones as
	// NEW.name. Columns are written in their order, so those that it reads come last.
	Merge func(table, key string, columns []string, condition string) string
	// Lock ends a SELECT of a row that its transaction is about to change.
	Lock string
	// Notable is the condition that finds failures, refusals and what has a severity,
	// and Use names the index that helps a SELECT from the table.
	Notable string
	Use     func(index string) string
	// DeleteSome deletes at most [PruneRows] rows that fit the condition.
	DeleteSome func(table, key, condition string) string
	// AsWritten is the text of one of the documents' own views.
	AsWritten func(name string) string
	// Present is the present time, Asked a time that is given for a ?, and Ago a time
	// so long before it ("7 day"). Div divides whole numbers.
	Present, Asked, Div string
	Ago                 func(now, span string) string
	// Shrink gives the space of deleted rows back to the disk.
	Shrink func(ctx context.Context) error
	// Steady says that a statement which has begun is not given up with its context:
	// giving it up costs SQLite a goroutine each, and a short statement is soon over.
	Steady bool
	// Blocks says that there is the table event_blocks: ordinary events are packed into
	// it. Elsewhere each is a row of events.
	Blocks bool
	// Bounded says that columns have a type and a length, which a text or a time must
	// fit into.
	Bounded bool
}

// PruneRows is how much one step of forgetting deletes; between two steps the writer
// gets its turn.
const PruneRows = 5000

// Lengths of bounded columns, in bytes. What a peer chose was cut by whoever made the
// event; these keep the rest from failing a whole batch.
const (
	maxShort = 190
	maxName  = 500
	maxLong  = 16_000
)

// The span that the documents' comparisons of created_at know in a bounded column.
const (
	firstSecond = 1
	lastSecond  = math.MaxInt32
)

func (d *Dialect) fit(s string, limit int) string {
	if !d.Bounded {
		return s
	}
	if len(s) <= limit && utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s[:min(len(s), limit)], "\uFFFD")
}

func (d *Dialect) stamp(t time.Time) string {
	if d.Bounded {
		t = time.Unix(min(max(t.Unix(), firstSecond), lastSecond), 0)
	}
	return t.UTC().Format(secondLayout)
}

func (d *Dialect) steady(ctx context.Context) context.Context {
	if d.Steady {
		return context.WithoutCancel(ctx)
	}
	return ctx
}
