package wsframe

// Fault is what is wrong with a frame.
type Fault uint8

// The faults.
const (
	None     Fault = iota
	Mask           // a client that does not mask, or a server that does (5.1)
	Reserved       // a bit or opcode that has no meaning here (5.2)
	Control        // a control frame in parts, or of more than 125 bytes (5.5)
	Sequence       // a part of no message, or a message within another (5.4)
	Length         // a length that is not written in the shortest way, or of 63 bits and more (5.2)
	Oversize       // a message longer than the limit
)

// String names the fault.
func (f Fault) String() string {
	return [...]string{"none", "mask", "reserved", "control", "sequence", "length", "oversize"}[min(f, Oversize)]
}

// Bits of the first two bytes of a header.
const (
	final      = 0x80
	bits       = 0x70
	compressed = 0x40 // RSV1, of permessage-deflate (RFC 7692)
	opcode     = 0x0f
	control    = 0x08 // opcodes from here on
	masked     = 0x80
	short      = 0x7f

	most = 125 // bytes of a control frame
	// Part is from which size on a part of a message, beyond its first, is no unit, in bytes.
	Part = 1 << 10
)

// Config is what holds for a stream.
type Config struct {
	// Client says that it is a client's, whose frames are masked.
	Client bool
	// Message is the most bytes of a message, all its parts together, as they are sent; 0: any.
	Message uint64
	// Compressed allows that messages begin with the bit of permessage-deflate.
	Compressed bool
	// Any allows reserved bits and opcodes, of extensions that are not known here.
	Any bool
}

// Stream follows one direction. Its zero value with a Config is at the beginning. It is
// not safe for concurrent use.
type Stream struct {
	Config
	// Units are the messages, control frames and parts below Part that began.
	Units uint64
	// Size is how long the message would have been that was too long, as far as it is known.
	Size uint64

	first, second byte
	at, size      uint8  // of the header's bytes: how many came, how many there are
	length        uint64 // as far as it came
	left          uint64 // bytes of the payload to come
	message       uint64 // bytes of the message under way
	open          bool   // a message is
	fault         Fault
}

// Take follows what came. It returns how many of the bytes come before a fault, which are
// all where there is none. After a fault it takes nothing more.
func (s *Stream) Take(p []byte) (int, Fault) {
	for i := 0; i < len(p); {
		switch {
		case s.fault != None:
			return i, s.fault
		case s.left > 0:
			n := min(s.left, uint64(len(p)-i))
			s.left -= n
			i += int(n)
		default:
			if s.fault = s.header(p[i]); s.fault == None {
				i++
			}
		}
	}
	return len(p), None
}

// Between reports whether the next byte begins a frame.
func (s *Stream) Between() bool { return s.at == 0 && s.left == 0 && s.fault == None }

// header takes one byte of a header.
func (s *Stream) header(c byte) Fault {
	s.at++
	switch {
	case s.at == 1:
		s.first, s.length = c, 0
		return s.kind()
	case s.at == 2:
		s.second = c
		if f := s.lengths(); f != None {
			return f
		}
	case s.at <= s.size:
		s.length = s.length<<8 | uint64(c)
		if s.at == s.size {
			if f := s.long(); f != None {
				return f
			}
		}
	}
	if s.at >= s.size && s.at == s.size+s.mask() {
		s.begin()
	}
	return None
}

// mask is how many bytes of a mask follow the length.
func (s *Stream) mask() uint8 {
	if s.Client {
		return 4
	}
	return 0
}

func (s *Stream) control() bool { return s.first&control != 0 }

// kind judges the first byte of a header.
func (s *Stream) kind() Fault {
	op := s.first & opcode
	switch {
	case !s.Any && (op > 0x2 && op < control || op > 0xa):
		return Reserved
	case !s.Any && s.first&bits != 0 && !(s.first&bits == compressed && s.Compressed && op != 0 && !s.control()):
		return Reserved
	case s.control():
		if s.first&final == 0 {
			return Control
		}
	case (op == 0) != s.open:
		return Sequence
	}
	return None
}

// lengths judges the second byte, and says how long the header is without its mask.
func (s *Stream) lengths() Fault {
	if (s.second&masked != 0) != s.Client {
		return Mask
	}
	s.length = uint64(s.second & short)
	s.size = 2
	if s.control() {
		if s.length > most {
			return Control
		}
		return None
	}
	switch s.length {
	case 126:
		s.size, s.length = 4, 0
	case 127:
		s.size, s.length = 10, 0
	default:
		return s.fits()
	}
	return None
}

// long judges a length that is written in two or eight bytes.
func (s *Stream) long() Fault {
	if s.size == 4 && s.length <= most || s.size == 10 && (s.length < 1<<16 || s.length >= 1<<63) {
		return Length
	}
	return s.fits()
}

// fits judges the length of a message with this part.
func (s *Stream) fits() Fault {
	sum := s.length
	if s.first&opcode == 0 {
		sum += s.message // both are below 1<<63
	}
	if s.Message > 0 && sum > s.Message || sum >= 1<<63 {
		s.Size = sum
		return Oversize
	}
	return None
}

// begin is at the end of a header.
func (s *Stream) begin() {
	s.left, s.at = s.length, 0
	part := !s.control() && s.first&opcode == 0
	if !part || s.length < Part {
		s.Units++
	}
	if s.control() {
		return
	}
	if !part {
		s.message = 0
	}
	s.message += s.length
	s.open = s.first&final == 0
}
