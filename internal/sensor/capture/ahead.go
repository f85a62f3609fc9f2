package capture

import "bytes"

// Frames of a mapped file are found one by the other: the length of each says where the
// next one begins, and each of these steps waits for memory. So what lies ahead is walked
// in several lanes at once, each from where a frame seems to begin, and the heads of frames
// are in the cache when their turn comes. A lane that began wrongly costs time, no more.
const (
	lanes     = 16
	laneBytes = 64 << 10
	// seekBytes is how far a lane looks for its beginning.
	seekBytes = 4 << 10
	// headBytes reach from a frame's head over the headers of its packet.
	headBytes = frameHead + 64
	// laneSteps bounds a lane whose frames are all but empty.
	laneSteps = 1 << 10
)

// fetch walks the lanes behind c.at.
func (c *classic) fetch() {
	b := c.buf[c.at:c.end]
	var at, end [lanes]int
	n := 0
	for from := 0; from < lanes*laneBytes && from+headBytes < len(b); from += laneBytes {
		if begin := c.seek(b, from); begin >= 0 {
			at[n], end[n] = begin, min(from+laneBytes, len(b)-headBytes)
			n++
		}
	}
	for step := 0; n > 0 && step < lanes*laneSteps; step++ {
		for k := 0; k < n; {
			p := at[k]
			if p >= end[k] {
				n--
				at[k], end[k] = at[n], end[n]
				continue
			}
			c.touched += b[p+headBytes-1]
			at[k] = p + frameHead + int(c.u32(b[p+8:])&(mostFrame-1))
			k++
		}
	}
	c.fetched = min(c.at+lanes*laneBytes, c.end)
}

// seek returns where from or behind it a frame seems to begin whose second is like that of
// the next frame, or -1.
func (c *classic) seek(b []byte, from int) int {
	if from == 0 {
		return 0
	}
	// Three bytes of the second are those of four minutes.
	like, shift := b[1:4], 1
	if c.big {
		like, shift = b[:3], 0
	}
	for end := min(from+seekBytes, len(b)-headBytes); from < end; from++ {
		i := bytes.Index(b[from:end], like)
		if i < 0 {
			return -1
		}
		from += i
		p := from - shift
		if size := c.u32(b[p+8:]); size > 0 && size <= mostFrame && size <= c.u32(b[p+12:]) && c.u32(b[p+4:]) < 1e9 {
			return p
		}
	}
	return -1
}
