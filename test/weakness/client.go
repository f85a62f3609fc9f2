package weakness

import (
	"encoding/base64"
	"encoding/json"
	"net"
	"sync"
	"time"
)

// client is one connection that shook hands.
type client struct {
	conn  net.Conn
	id    identity
	v3    bool // the text travels behind the object
	write sync.Mutex
}

// send writes one frame. A client that does not read is given ten seconds.
func (c *client) send(event string, data map[string]any, raw string) error {
	b, err := json.Marshal(map[string]any{"event": event, "data": data})
	if err != nil {
		return err
	}
	c.write.Lock()
	defer c.write.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	_, err = c.conn.Write(append(append(b, raw...), '\n'))
	return err
}

// say sends a chat message in the form that the client understands.
func (c *client) say(event, room, text string) error {
	if !c.v3 {
		return c.send(event, map[string]any{"room": room, "text": text}, "")
	}
	raw := base64.StdEncoding.EncodeToString([]byte(text))
	return c.send(event, map[string]any{"room": room, "bot_name": c.id.bot, "message_type": "text", "content_encoding": "base64",
		"message_positions": []int{0, len(raw)}, "timestamp": iso(time.Now()), "timezone": "Asia/Seoul"}, raw)
}

// ping asks for a sign of life every so often.
func (c *client) ping(every time.Duration, stop <-chan struct{}) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-t.C:
			stamp := now.In(time.FixedZone("KST", 9*60*60)).Format("2006-01-02 15:04:05.000")
			if c.send("ping", map[string]any{"bot_name": c.id.bot, "channel_id": "ping", "room": "PING", "user_hash": "system",
				"server_timestamp": stamp, "text": ""}, "") != nil {
				c.conn.Close()
				return
			}
		}
	}
}

func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
