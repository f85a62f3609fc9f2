package login

import (
	"bytes"
	"strconv"

	"haechi"
	"haechi/internal/sensor/talk"
)

// redisTalk tells of logins to Redis: AUTH answered +OK is a success, answered with an
// error a failure. With the first other command it hears no more.
type redisTalk struct {
	pair   pair
	waits  int // answers to AUTH that are still to come
	closed bool
}

// redisMost bounds a command that is read, in bytes.
const redisMost = 1 << 10

// matchRedis: an array whose first item is AUTH.
func matchRedis(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	for _, start := range [...]string{"*2\r\n$4\r\nAUTH\r\n", "*2\r\n$4\r\nauth\r\n", "*3\r\n$4\r\nAUTH\r\n", "*3\r\n$4\r\nauth\r\n"} {
		if v := talk.Begins(b, start); v != talk.No {
			return v, talk.FromClient
		}
	}
	return talk.No, talk.FromClient
}

func (r *redisTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	if from == talk.FromServer {
		line, used := takeLine(b)
		if used > 0 {
			r.answer(c, line)
		} else if used < 0 {
			c.Finish()
		}
		return max(used, 0)
	}
	if r.closed {
		return len(b)
	}
	words, used := redisCommand(b)
	switch {
	case used == 0 && len(b) < redisMost:
		return 0
	case used == 0 || used > redisMost || len(words[0]) != 4 || !bytes.EqualFold(words[0], []byte("AUTH")):
		r.closed = true
		if r.waits == 0 {
			c.Finish()
		}
		return len(b)
	}
	user, password := words[1], words[2]
	if password == nil {
		user, password = []byte("default"), user
	}
	r.pair.named(user)
	r.pair.proved(c, password)
	r.waits++
	return used
}

// redisCommand reads an array of two or three strings; used is 0 for anything else.
func redisCommand(b []byte) (words [3][]byte, used int) {
	line, at := takeLine(b)
	if at <= 0 || len(line) != 2 || line[0] != '*' || line[1] < '2' || line[1] > '3' {
		return words, 0
	}
	for i := range int(line[1] - '0') {
		size, n := takeLine(b[at:])
		if n <= 0 || len(size) < 2 || size[0] != '$' {
			return words, 0
		}
		at += n
		k, err := strconv.ParseUint(string(size[1:]), 10, 10)
		if err != nil || at+int(k)+2 > len(b) {
			return words, 0
		}
		words[i] = b[at : at+int(k)]
		at += int(k) + 2
	}
	return words, at
}

func (r *redisTalk) answer(c *talk.Conversation, line []byte) {
	outcome := haechi.Failure
	if bytes.HasPrefix(line, []byte("+OK")) {
		outcome = haechi.Success
	}
	c.TellLogin(r.pair.user, outcome, r.pair.kind("password"))
	r.waits--
	if outcome == haechi.Success || r.closed && r.waits <= 0 {
		c.Finish()
	}
}

func (r *redisTalk) Miss(*talk.Conversation, talk.Side) bool { return false }
func (r *redisTalk) End(*talk.Conversation)                  {}
