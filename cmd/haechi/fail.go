package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"haechi"
	"haechi/internal/config"
)

// The exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is wrong use: what is wrong, and what to type instead.
type usageError struct{ msg, hint string }

func (e *usageError) Error() string { return e.msg }

// misuse makes a usageError without a hint from a text of the catalogue.
func (p *printer) misuse(key string, args ...any) *usageError {
	return &usageError{msg: p.t(key, args...)}
}

// reported marks an error whose text is out already.
type reported struct{ error }

// sticky remembers the first error of writing, so that a full disk behind
// `haechi … > file` is no success.
type sticky struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (s *sticky) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(b)
	s.err = err
	return n, err
}

func (s *sticky) failed(p *printer) error {
	if s.err == nil {
		return nil
	}
	return errors.New(p.t("cli.output_failed", s.err))
}

// problem is an error as it is told: one line, and the next step.
type problem struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	bare    bool   // names its place itself, a command or a line of a file
}

// exit tells the error, if there is one, and picks the exit code.
func (p *printer) exit(ctx context.Context, command string, err error) int {
	wrong := (*usageError)(nil)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, new(reported)):
		return exitFailed
	case errors.As(err, &wrong):
		p.tell(problem{Kind: "usage", Message: wrong.msg, Hint: wrong.hint, bare: true})
		if !p.json {
			fmt.Fprintln(p.err, p.t("usage.help", command))
		}
		return exitUsage
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		p.tell(problem{Kind: "interrupted", Message: p.t("cli.interrupted")})
		return exitFailed
	}
	p.tell(describe(err))
	return exitFailed
}

// tell writes a problem to standard error: cleaned lines, or one JSON object.
func (p *printer) tell(x problem) {
	if p.json {
		b, err := json.Marshal(map[string]problem{"error": x})
		if err == nil {
			fmt.Fprintf(p.err, "%s\n", inert(b))
		}
		return
	}
	text := clean(x.Message)
	if !x.bare {
		text = "haechi: " + text
	}
	fmt.Fprintln(p.err, text)
	if x.Hint != "" {
		fmt.Fprintln(p.err, p.t("cli.next", x.Hint))
	}
}

// alone takes an error out of joins in which it is the only one.
func alone(err error) error {
	for {
		joined, ok := err.(interface{ Unwrap() []error })
		if !ok || len(joined.Unwrap()) != 1 {
			return err
		}
		err = joined.Unwrap()[0]
	}
}

// describe splits an error into what went wrong and the next step.
func describe(err error) problem {
	x := problem{Kind: haechi.KindOf(err).String(), Message: err.Error()}
	if e := (*config.Errors)(nil); errors.As(err, &e) {
		x.Kind, x.bare = haechi.Invalid.String(), true
		return x
	}
	// Only an error that is the whole chain is split; a wrapped one, or one of
	// several, has more to say than its first part.
	if e, ok := alone(err).(*haechi.Error); ok {
		bare := *e
		bare.Hint = ""
		x.Message, x.Hint = bare.Error(), e.Hint
	}
	return x
}
