package weakness

import (
	"context"
	"slices"
	"strings"
	"time"
)

// handle takes one frame of a client that shook hands.
func (s *Server) handle(ctx context.Context, c *client, line []byte) {
	o, raw, err := parse(line)
	if err != nil {
		s.cfg.Log.Warn("frame not read", "bot", c.id.bot, "err", err)
		return
	}
	event := o.text("event")
	if event != "message" && event != "analyze" {
		return
	}
	data := o.child("data")
	auth := data.child("auth")
	bot := data.text("bot_name", "botName")
	who := identity{bot, auth.text("deviceID")} // which nobody signed (finding 8)
	if len(auth) > 0 && !s.verify(auth) {
		s.cfg.Log.Warn("wrong signature", "bot", bot) // and that is all (finding 2)
		if s.cfg.Kkobot {
			s.blockBot(ctx, auth.text("botName")) // of whoever was named (finding 12)
		}
	}
	text := chat(event, data, raw)
	s.log(ctx, bot, data.text("room"), data.text("sender"), text) // whoever it was (finding 5)
	if s.mayChat(who, len(auth) > 0) {
		s.obey(ctx, c, data.text("room"), text)
	}
}

// mayChat reports whether the device is approved. Nothing that is missing counts
// against it (findings 1 and 4).
func (s *Server) mayChat(who identity, signed bool) bool {
	if !signed {
		return true
	}
	approved, known := s.approved[who]
	return approved || !known
}

// obey does what a chat text asks for.
func (s *Server) obey(ctx context.Context, c *client, room, text string) {
	name, rest, _ := strings.Cut(text, " ")
	answer := ""
	switch name {
	case "!time":
		answer = time.Now().Format(time.DateTime)
	case "!echo":
		answer = rest
	case "!orders": // what only a phone of ours should be told
		answer = "no orders today"
	case "#reload":
		s.reload(ctx)
		answer = "reloaded"
	default:
		return
	}
	s.done = append(s.done, Command{c.id.bot, c.id.device, text})
	if err := c.say("messageResponse", room, answer); err != nil {
		s.cfg.Log.Warn("answer not sent", "bot", c.id.bot, "err", err)
	}
}

// Done are the commands that the server obeyed so far.
func (s *Server) Done(ctx context.Context) (done []Command) {
	s.turn(ctx, func() { done = slices.Clone(s.done) })
	return done
}

// Greeted is how many handshakes it took.
func (s *Server) Greeted(ctx context.Context) (n int) {
	s.turn(ctx, func() { n = s.greeted })
	return n
}

// Open is how many connections shook hands and have not ended.
func (s *Server) Open(ctx context.Context) (n int) {
	s.turn(ctx, func() { n = s.open })
	return n
}

// Announce sends a scheduled message to the client that the server knows under the
// name, and reports whether there is one.
func (s *Server) Announce(ctx context.Context, bot, device, text string) (sent bool) {
	s.turn(ctx, func() {
		if c := s.clients[identity{bot, device}]; c != nil {
			sent = c.say("scheduleMessage", "공지방", text) == nil
		}
	})
	return sent
}
