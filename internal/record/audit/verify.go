package audit

import (
	"context"
	"errors"
	"fmt"

	"haechi"
	"haechi/internal/record"
)

// page is how many entries are read at a time.
const page = 1000

// Source is where the entries are read: record.Audit has this method.
type Source interface {
	// AuditEntries returns entries from the sequence number on, oldest first.
	AuditEntries(ctx context.Context, from uint64, limit int) ([]haechi.AuditEntry, error)
}

// Anchored is a source that also keeps the head apart from the entries, which is
// how a cut-off end is noticed.
type Anchored interface {
	AuditHead(ctx context.Context) (record.ChainHead, error)
}

// Verify walks the whole chain and returns its head; Seq of the head is the number
// of entries. Heads noted earlier, outside the database, are checked as well. An
// error of kind Conflict wraps a *record.ChainError that names the first broken
// entry; any other error means that the log could not be read.
func Verify(ctx context.Context, src Source, noted ...record.ChainHead) (record.ChainHead, error) {
	if a, ok := src.(Anchored); ok {
		head, err := a.AuditHead(ctx)
		if err != nil {
			return record.ChainHead{}, err
		}
		noted = append(noted[:len(noted):len(noted)], head)
	}
	head, err := walk(ctx, src, noted)
	if c := (*record.ChainError)(nil); errors.As(err, &c) {
		return head, broken(c)
	}
	return head, err
}

func walk(ctx context.Context, src Source, noted []record.ChainHead) (record.ChainHead, error) {
	var head record.ChainHead
	for {
		entries, err := src.AuditEntries(ctx, head.Seq+1, page)
		if err != nil {
			return head, err
		}
		for i := range entries {
			if err := head.Follow(&entries[i]); err != nil {
				return head, err
			}
			if err := agree(head, noted); err != nil {
				return head, err
			}
		}
		if len(entries) < page {
			return head, reached(head, noted)
		}
	}
}

// agree compares the head with those noted for the same entry.
func agree(head record.ChainHead, noted []record.ChainHead) error {
	for _, n := range noted {
		if n.Seq == head.Seq && n.Hash != head.Hash {
			return &record.ChainError{Seq: head.Seq, Why: "is not the entry whose hash was noted: the chain was rebuilt"}
		}
	}
	return nil
}

// reached finds the end cut off.
func reached(head record.ChainHead, noted []record.ChainHead) error {
	for _, n := range noted {
		if n.Seq > head.Seq {
			return &record.ChainError{Seq: head.Seq + 1, Why: fmt.Sprintf("missing: the log once had %d entries", n.Seq)}
		}
	}
	return nil
}

func broken(c *record.ChainError) error {
	hint := "entries from there on prove nothing; compare with the newest backup, and find out who can write to the database"
	if c.Seq > 1 {
		hint = fmt.Sprintf("entries 1 to %d are intact; ", c.Seq-1) + hint
	}
	return &haechi.Error{Kind: haechi.Conflict, Op: "verify the audit log", Hint: hint, Err: c}
}
