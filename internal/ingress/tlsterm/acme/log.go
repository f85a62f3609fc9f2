package acme

import (
	"context"
	"log/slog"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// quiet gives certmagic a logger that speaks below the gateway's own: what an operator
// must know is told as a report, and a stranger's handshake must not fill the log.
func quiet(log *slog.Logger) *zap.Logger { return zap.New(core{log: log}) }

// core passes zap's entries on to slog.
type core struct{ log *slog.Logger }

// Enabled implements zapcore.Core.
func (c core) Enabled(zapcore.Level) bool {
	return c.log.Enabled(context.Background(), slog.LevelDebug)
}

// With implements zapcore.Core.
func (c core) With(fields []zapcore.Field) zapcore.Core {
	return core{log: c.log.With(attributes(fields)...)}
}

// Check implements zapcore.Core.
func (c core) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(e.Level) {
		return to
	}
	return to.AddCore(e, c)
}

// Write implements zapcore.Core.
func (c core) Write(e zapcore.Entry, fields []zapcore.Field) error {
	c.log.Debug("acme: "+e.Message, append(attributes(fields), "of", e.Level.String())...)
	return nil
}

// Sync implements zapcore.Core.
func (core) Sync() error { return nil }

func attributes(fields []zapcore.Field) (out []any) {
	enc := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(enc)
	}
	for k, v := range enc.Fields {
		out = append(out, k, v)
	}
	return out
}
