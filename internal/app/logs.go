package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"haechi"
	"haechi/internal/config"
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

// logSets are the patterns for each entry of sensor.logs. Errors are of kind Invalid.
func logSets(cfg *config.Config) ([]*logline.Set, error) {
	if len(cfg.Sensor.Logs) == 0 {
		return nil, nil
	}
	all, err := logPatterns()
	if err != nil {
		return nil, err
	}
	var wrong []error
	var out []*logline.Set
	for _, l := range cfg.Sensor.Logs {
		set, err := all.Only(l.Only)
		if err != nil {
			err = fmt.Errorf("sensor.logs, %s: %w", l.Path, err)
		}
		out, wrong = append(out, set), append(wrong, err)
	}
	return out, errors.Join(wrong...)
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
