package demo

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// botConn is one client of the bot server.
type botConn struct {
	net.Conn
	server *BotServer
	device string
	bot    string
	shape  Shape
	write  sync.Mutex
}

// countingConn counts what is read, whole frames or not.
type countingConn struct {
	net.Conn
	n *atomic.Uint64
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(uint64(n))
	return n, err
}

// ServeConn serves one connection until it ends or ctx does, and closes it.
func (b *BotServer) ServeConn(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	in := bufio.NewReaderSize(countingConn{conn, &b.counts.bytes}, 16<<10)
	c := &botConn{Conn: conn, server: b}
	if conn.SetReadDeadline(time.Now().Add(b.cfg.Handshake)) != nil {
		return
	}
	line, err := readLine(in, b.cfg.Line)
	if err != nil || !c.greet(line) {
		b.counts.refused.Add(1)
		return // without a word, like the real server
	}
	b.take(c)
	defer b.leave(c)
	b.counts.handshakes.Add(1)
	if c.send("handshakeComplete", map[string]any{"success": true, "approved": true, "message": "welcome",
		"server_version": "1.0.0", "timestamp": iso(b.cfg.Now()), "timezone": "Asia/Seoul",
		"message_positions": []int{0, 0}}, "") != nil {
		return
	}
	done := make(chan struct{})
	pinging := make(chan struct{})
	go func() { defer close(pinging); c.ping(done) }()
	c.converse(in)
	close(done)
	<-pinging
}

// greet reads the handshake in either shape; the same three fields are required.
func (c *botConn) greet(line []byte) bool {
	c.server.counts.frames.Add(1)
	f, err := parseFrame(line)
	if err != nil {
		return false
	}
	fields := []byte(f.Data)
	if f.Event != "handshake" {
		fields, c.shape = line, V32
	}
	var h hello
	if json.Unmarshal(fields, &h) != nil || h.BotName == "" || h.Version == "" || h.DeviceID == "" {
		return false
	}
	c.bot, c.device = h.BotName, haechi.DeviceKey(h.BotName, h.DeviceID)
	c.server.cfg.OnFrame(c.device, line)
	return true
}

// ping asks for a sign of life every so often; a client that takes none is closed.
func (c *botConn) ping(done <-chan struct{}) {
	t := time.NewTicker(c.server.cfg.Ping)
	defer t.Stop()
	seoul := time.FixedZone("KST", 9*60*60)
	for {
		select {
		case <-done:
			return
		case <-t.C:
		}
		stamp := c.server.cfg.Now().In(seoul).Format("2006-01-02 15:04:05.000")
		if c.send("ping", map[string]any{"bot_name": c.bot, "channel_id": "ping", "room": "PING",
			"user_hash": "system", "server_timestamp": stamp, "text": ""}, "") != nil {
			c.Close()
			return
		}
	}
}

// converse reads frames until the connection ends.
func (c *botConn) converse(in *bufio.Reader) {
	for {
		if c.SetReadDeadline(time.Now().Add(10*time.Minute)) != nil {
			return
		}
		line, err := readLine(in, c.server.cfg.Line)
		if err != nil {
			return
		}
		c.server.counts.frames.Add(1)
		c.server.cfg.OnFrame(c.device, line)
		f, err := parseFrame(line)
		if err != nil {
			continue // the real server logs it and carries on
		}
		if c.handle(f) != nil {
			return
		}
	}
}

func (c *botConn) handle(f Frame) error {
	switch f.Event {
	case "ping", "pong":
		c.server.counts.pongs.Add(1)
		return nil
	case "message", "analyze":
	default:
		return nil
	}
	c.server.counts.messages.Add(1)
	var data struct {
		Room string `json:"room"`
		Text string `json:"text"`
	}
	if json.Unmarshal(f.Data, &data) != nil {
		return nil
	}
	if f.Event == "message" {
		text, err := base64.StdEncoding.DecodeString(string(f.Raw))
		if err != nil {
			return nil
		}
		data.Text = string(text)
	}
	return c.answer(data.Room, data.Text)
}

// pixel is a PNG of one pixel.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="

// answer sends what a bot would say, in the shape that the client understands.
func (c *botConn) answer(room, text string) error {
	reply, image := c.server.reply(text)
	kind := "text"
	if image {
		kind = "image"
	}
	c.server.counts.replies.Add(1)
	if c.shape == V32 {
		if image {
			reply = "IMAGE_BASE64:" + reply
		}
		return c.send("messageResponse", map[string]any{"room": room, "text": reply, "channel_id": channel(room)}, "")
	}
	raw := reply
	if !image {
		raw = base64.StdEncoding.EncodeToString([]byte(reply))
	}
	return c.send("messageResponse", map[string]any{"room": room, "channel_id": channel(room), "bot_name": c.bot,
		"message_type": kind, "content_encoding": "base64", "message_positions": []int{0, len(raw)},
		"timestamp": iso(c.server.cfg.Now()), "timezone": "Asia/Seoul"}, raw)
}

// reply makes the answer to a chat text.
func (b *BotServer) reply(text string) (answer string, image bool) {
	command, rest, _ := strings.Cut(text, " ")
	switch command {
	case "!help":
		return "!시간 · !echo TEXT · !image · !help", false
	case "!시간", "!time":
		return b.cfg.Now().Format(time.DateTime), false
	case "!echo":
		return rest, false
	case "!image":
		return pixel, true
	}
	return "네, 들었어요: " + text, false
}

// send writes one frame. A client that does not read is given ten seconds.
func (c *botConn) send(event string, data any, raw string) error {
	c.write.Lock()
	defer c.write.Unlock()
	if err := c.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err := c.Write(encode(envelope{event, data}, raw))
	return err
}
