package app

import (
	"context"
	"fmt"
	"io"
	"io/fs"

	"haechi"
	"haechi/internal/sensor/logline"
	shipped "haechi/rules"
)

// logPatterns are the patterns that ship.
func logPatterns() (*logline.Set, error) {
	files, err := fs.Sub(shipped.Logs, "logs")
	if err != nil {
		return nil, err
	}
	return logline.Load(files)
}

// logged tells the events of a log.
type logged struct {
	set    *logline.Set
	in     io.Reader
	cfg    logline.Config
	reader *logline.Reader
}

// Units implements replay.Source.
func (l *logged) Units() uint64 {
	if l.reader == nil {
		return 0
	}
	return l.reader.Stats().Lines
}

// Read implements replay.Source. A file of which no line is known is an error, since
// silence would look like peace.
func (l *logged) Read(ctx context.Context, emit func(*haechi.Event)) error {
	l.reader = l.set.New(l.cfg, emit)
	if err := l.reader.Read(ctx, l.in); err != nil {
		return err
	}
	if s := l.reader.Stats(); s.Told == 0 {
		return &haechi.Error{Kind: haechi.Invalid, Op: "replay", Msg: fmt.Sprintf("the file is no capture, and none of its %d lines is of a log that a pattern knows", s.Lines),
			Hint: "docs/logs.md lists the patterns"}
	}
	return nil
}
