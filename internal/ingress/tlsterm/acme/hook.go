package acme

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/mholt/acmez/v3/acme"
)

const (
	hookTime   = 5 * time.Minute // for a record to be seen by everybody
	hookOutput = 500             // bytes of what it says that an error repeats
)

// hook answers dns-01 by a command of the operator's:
//
//	COMMAND present _acme-challenge.shop.example.com VALUE
//	COMMAND cleanup _acme-challenge.shop.example.com VALUE
//
// present adds a TXT record of that name and value, beside others that there may be,
// and ends with 0 once every name server of the zone shows it; cleanup takes it away.
// It gets no shell, no input and no environment but PATH and HOME, and five minutes.
type hook struct{ command string }

// Present implements acmez.Solver.
func (h hook) Present(ctx context.Context, c acme.Challenge) error { return h.run(ctx, "present", c) }

// CleanUp implements acmez.Solver. It must happen even if the order was given up.
func (h hook) CleanUp(ctx context.Context, c acme.Challenge) error {
	return h.run(context.WithoutCancel(ctx), "cleanup", c)
}

func (h hook) run(ctx context.Context, what string, c acme.Challenge) error {
	ctx, cancel := context.WithTimeout(ctx, hookTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.command, what, c.DNS01TXTRecordName(), c.DNS01KeyAuthorization())
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	cmd.WaitDelay = time.Second // for children that keep its output open
	var said limited
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the dns-01 hook %s %s: %w: %q", h.command, what, err, said.b.String())
	}
	return nil
}

// limited keeps the beginning of what is written.
type limited struct{ b bytes.Buffer }

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	l.b.Write(p[:min(len(p), hookOutput-l.b.Len())])
	return len(p), nil
}
