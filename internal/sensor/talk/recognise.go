package talk

// sniffMost is how many bytes of one side are looked at before nobody understands them.
const sniffMost = 1 << 10

// recognise finds who understands what a side of the flow says.
func (c *Conversation) recognise(from Side, b []byte) {
	open := false
	for i := range c.l.streams {
		a := &c.l.streams[i]
		v, speaks := a.Match(c, b)
		if v == Yes && !(a.Hint && open) {
			c.begin(a, from, speaks)
			return
		}
		open = open || v != No
	}
	if !open || len(b) > sniffMost {
		c.done = true
	}
}

func (c *Conversation) begin(a *Accent, from, speaks Side) {
	c.turned = from != speaks
	c.protocol = a.Name
	c.speaker = a.Make(c)
}

// datagram takes one datagram.
func (c *Conversation) datagram(from Side, b []byte) {
	if len(b) == 0 {
		return
	}
	for i := 0; i < len(c.l.datagrams) && c.speaker == nil; i++ {
		if v, speaks := c.l.datagrams[i].Match(c, b); v == Yes {
			c.begin(&c.l.datagrams[i], from, speaks)
		}
	}
	if c.speaker == nil {
		c.done = true
		return
	}
	c.speaker.Hear(c, c.flip(from), b)
}

// inOrder puts those that need a port behind the others.
func inOrder(all []Accent, udp bool) (out []Accent) {
	for _, hint := range [...]bool{false, true} {
		for _, a := range all {
			if a.UDP == udp && a.Hint == hint {
				out = append(out, a)
			}
		}
	}
	return out
}
