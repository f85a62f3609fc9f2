package sensor

// Answers reports the ports of UDP services that are asked and answer, so that a datagram
// from one to a port that is none is an answer.
func Answers(port uint16) bool {
	switch port {
	case 7, 17, 19, 53, 69, 111, 123, 137, 161, 389, 427, 520, 1900, 3702, 5351, 5353, 11211, 27960:
		return true
	}
	return false
}
