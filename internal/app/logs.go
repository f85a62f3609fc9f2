package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/sensor/logline"
	shipped "haechi/rules"
)

// logPatterns are the patterns of a folder, if one is named, and those that ship. Errors
// are of kind NotFound and Invalid.
func logPatterns(dir string) (*logline.Set, error) {
	files, err := fs.Sub(shipped.Logs, "logs")
	if err != nil {
		return nil, err
	}
	set, err := logline.Load(files)
	if err != nil || dir == "" {
		return set, err
	}
	st, err := os.Stat(dir)
	if err == nil && !st.IsDir() {
		err = fmt.Errorf("%s is no folder", dir)
	}
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.NotFound, Op: "load log patterns", Err: err, Hint: "correct sensor.patterns; it is relative to the configuration"}
	}
	return set.With(os.DirFS(dir), dir)
}

// logSets are the patterns for each entry of sensor.logs. Errors are of kind Invalid.
func logSets(cfg *config.Config) ([]*logline.Set, error) {
	if len(cfg.Sensor.Logs) == 0 && cfg.Sensor.Patterns == "" {
		return nil, nil
	}
	all, err := logPatterns(cfg.Sensor.Patterns)
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
