package windows

import (
	"haechi"
	"haechi/internal/brick/msrpc"
	"haechi/internal/sensor/talk"
)

// rpcTalk tells of the calls of DCE/RPC over TCP, as [rpcState] has them.
type rpcTalk struct{ state rpcState }

// rpcPeek is how much of a packet is looked at, in bytes.
const rpcPeek = 4 << 10

// matchRPC: a Bind of a little-endian client, or its acknowledgement.
func matchRPC(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	speaks := talk.FromClient
	for i, want := range [...]byte{5, 0, 11, 0, 0x10, 0, 0, 0} {
		switch {
		case i >= len(b):
			return talk.Unsure, speaks
		case i == 1 && b[i] <= 1, i == 3:
		case i == 2 && (b[i] == 12 || b[i] == 13):
			speaks = talk.FromServer
		case b[i] != want:
			return talk.No, speaks
		}
	}
	return talk.Yes, speaks
}

func (r *rpcTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	if len(b) < msrpc.HeaderSize {
		return 0
	}
	p, ok := msrpc.Read(b)
	if !ok {
		c.Finish()
		return len(b)
	}
	n := min(p.Size, rpcPeek)
	if len(b) < n {
		return 0
	}
	r.state.packet(c, from, b[:n])
	c.Pass(from, int64(p.Size-n))
	return n
}

func (r *rpcTalk) Miss(*talk.Conversation, talk.Side) bool { return false }
func (r *rpcTalk) End(c *talk.Conversation)                { r.state.end(c) }

// rpcState tells of each call with the name of its interface and operation; of an
// interface without a name, of the first call alone. It is told when its answer comes,
// which is a failure when it is a fault or says so, unknown when it is sealed; or without
// one at the end. Name is what the arguments show, where they are in clear: a service that
// is made, the class of a remote object or of management, and "zero credential" for an
// all-zero credential, which no honest member of a domain has. The user is the one of NTLM.
type rpcState struct {
	contexts [8]rpcContext
	n        int
	level    uint8
	user     string
	waiting  [8]rpcCall
	w        int
}

type rpcContext struct {
	id   uint16
	is   msrpc.Interface
	uuid msrpc.UUID
	told bool
}

// rpcCall is a call that waits for its answer.
type rpcCall struct {
	id              uint32
	is              msrpc.Interface
	operation, name string
}

// packet takes one packet, or its beginning.
func (r *rpcState) packet(c *talk.Conversation, from talk.Side, b []byte) {
	p, ok := msrpc.Read(b)
	if !ok {
		return
	}
	switch {
	case from == talk.FromClient:
		r.asked(c, &p)
	case p.Kind == msrpc.Fault, p.Kind == msrpc.Response && p.First:
		r.answered(c, &p)
	}
}

func (r *rpcState) asked(c *talk.Conversation, p *msrpc.Packet) {
	if p.Kind != msrpc.Request {
		if msg, level, ok := p.Auth(); ok {
			r.level = level
			if user, step := talk.NTLM(msg); step == talk.NTLMAuthenticate {
				r.user = user
			}
		}
	}
	switch p.Kind {
	case msrpc.Bind, msrpc.Alter:
		p.Contexts(r.add)
	case msrpc.Request:
		if context, number, ok := p.Operation(); ok && p.First {
			r.call(c, p, r.context(context), number)
		}
	}
}

// add notes an interface; the newest takes the place of the last when there are too many.
func (r *rpcState) add(id uint16, u msrpc.UUID) {
	for i := range r.contexts[:r.n] {
		if r.contexts[i].id == id {
			if r.contexts[i].uuid != u {
				r.contexts[i] = rpcContext{id: id, is: msrpc.Of(u), uuid: u}
			}
			return
		}
	}
	r.n = min(r.n+1, len(r.contexts))
	r.contexts[r.n-1] = rpcContext{id: id, is: msrpc.Of(u), uuid: u}
}

func (r *rpcState) context(id uint16) *rpcContext {
	for i := range r.contexts[:r.n] {
		if r.contexts[i].id == id {
			return &r.contexts[i]
		}
	}
	return nil
}

func (r *rpcState) call(c *talk.Conversation, p *msrpc.Packet, ctx *rpcContext, number uint16) {
	switch {
	case ctx == nil, ctx.is == msrpc.RemUnknown: // the bookkeeping of remote objects
		return
	case ctx.is == msrpc.Unknown:
		if !ctx.told {
			ctx.told = true
			r.wait(c, rpcCall{id: p.Call, operation: "dcerpc.Unknown", name: ctx.uuid.String()})
		}
		return
	}
	r.wait(c, rpcCall{id: p.Call, is: ctx.is, operation: ctx.is.Operation(number), name: r.argument(p, ctx.is, number)})
}

// argument is what the arguments of a call show.
func (r *rpcState) argument(p *msrpc.Packet, is msrpc.Interface, number uint16) string {
	stub, whole := p.Stub()
	if r.level >= msrpc.Sealed {
		return ""
	}
	switch is {
	case msrpc.Svcctl:
		const handle = 20
		if number == 12 || number == 45 {
			if name, ok := p.Text(stub, handle); ok {
				return talk.Wide(name)
			}
		}
	case msrpc.SCMActivator, msrpc.Activation:
		return msrpc.Class(stub)
	case msrpc.WbemServices:
		return msrpc.Managed(stub)
	case msrpc.Netlogon:
		const size = 8
		after, ok := msrpc.Challenges(number)
		at := len(stub) - after - size
		if ok && whole && at >= 0 && string(stub[at:at+size]) == "\x00\x00\x00\x00\x00\x00\x00\x00" {
			return "zero credential"
		}
	}
	return ""
}

func (r *rpcState) wait(c *talk.Conversation, call rpcCall) {
	if r.w == len(r.waiting) {
		r.tell(c, 0, haechi.Unknown)
	}
	r.waiting[r.w] = call
	r.w++
}

func (r *rpcState) tell(c *talk.Conversation, i int, outcome haechi.Outcome) {
	call := r.waiting[i]
	copy(r.waiting[i:], r.waiting[i+1:r.w])
	r.w--
	r.waiting[r.w] = rpcCall{}
	c.TellCall("dcerpc", call.operation, call.name, r.user, outcome)
}

func (r *rpcState) answered(c *talk.Conversation, p *msrpc.Packet) {
	for i := range r.waiting[:r.w] {
		if r.waiting[i].id == p.Call {
			r.tell(c, i, r.outcome(p, r.waiting[i].is))
			return
		}
	}
}

// outcome reads a result: an error of NT or COM, or "access denied" of Win32; of the
// service controller, anything but success.
func (r *rpcState) outcome(p *msrpc.Packet, is msrpc.Interface) haechi.Outcome {
	const denied, moreData = 5, 234
	if p.Kind == msrpc.Fault {
		return haechi.Failure
	}
	status, ok := p.Status()
	switch {
	case !ok || r.level >= msrpc.Sealed:
		return haechi.Unknown
	case status >= 1<<31 || status == denied, is == msrpc.Svcctl && status != 0 && status != moreData:
		return haechi.Failure
	}
	return haechi.Success
}

func (r *rpcState) end(c *talk.Conversation) {
	for r.w > 0 {
		r.tell(c, 0, haechi.Unknown)
	}
}
