package scenario_test

import (
	"strings"
	"testing"

	"haechi/internal/operate/demo"
)

// TestSignedClientsConverseUnchanged is the first half of Must show 2: both shapes
// of client converse, and neither side can tell that somebody stands between. The
// one thing that is not passed on is the gateway's own ping and its answer.
func TestSignedClientsConverseUnchanged(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	for i, shape := range []demo.Shape{demo.V32, demo.V333} {
		t.Run(shape.Version(), func(t *testing.T) {
			r := r.with(t)
			id := r.enrol("도매까봇", "0123456789abcde"+string(rune('0'+i)), shape)
			p := r.phone(id, 10+i)
			s := p.connected()
			for _, text := range []string{"안녕하세요 🙂", "!image", `!echo {"event":"ping"} }{`, "!help"} {
				p.chats(s, text)
			}
			ping, err := s.Until("ping") // the server's
			must(t, err)
			must(t, s.Pong(ping))
			p.chats(s, "고마워요")
			s.Close()

			said := strings.SplitAfter((<-p.taps).both(t, r.bots.of(id)), "\n")
			if len(said) < 8 {
				t.Errorf("only %d lines were said", len(said))
			}
		})
	}
	if c := r.bots.Counts(); c.Messages != 10 || c.Pongs < 2 {
		t.Errorf("the bot server counts %+v", c)
	}
}

// both compares what the phone said and heard with what the one connection at the
// server has, and returns what was said.
func (c *recorded) both(t *testing.T, at []*recorded) string {
	t.Helper()
	if len(at) != 1 {
		t.Fatalf("the server has %d connections of the phone, want 1", len(at))
	}
	said := strings.SplitAfter(c.wrote(), "\n")
	if len(said) < 3 {
		t.Fatalf("the phone said only %q", said)
	}
	want := said[0] + strings.Join(said[2:], "") // all but the answer to the gateway's ping
	eventually(t, "the server to read everything", 5e9, func() bool { return len(at[0].read()) >= len(want) })
	if got := at[0].read(); got != want {
		t.Errorf("the server got\n%s\nthe phone sent\n%s", got, want)
	}
	_, heard, _ := strings.Cut(c.read(), "\n") // the gateway's ping
	if sent := at[0].wrote(); !strings.HasPrefix(sent, heard) || heard == "" {
		t.Errorf("the phone heard\n%.2000s\nthe server said\n%.2000s", heard, sent)
	}
	return want
}
