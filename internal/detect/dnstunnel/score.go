package dnstunnel

// Bounds of the properties; the package says what each is worth and why.
const (
	longName   = 30       // bytes below the domain in the mean
	longerName = 70       // more than one label holds
	muchName   = 8 << 10  // bytes of names in a window
	moreName   = 64 << 10 //
	most       = 0.8      // the share that counts as "four of five"
)

// points adds up the properties of so many different names.
func (c *carrier) points(names int) int {
	p := c.pointsOfTypes()
	length, n := c.length(), float64(max(c.fresh, 1))
	p += step(length, longName, longerName)
	p += step(length*float64(names), muchName, moreName)
	if float64(c.encoded)/n >= most {
		p++
	}
	if float64(c.binary)/n >= 0.2 {
		p += 2
	}
	if float64(names) >= 0.9*float64(c.lookups) {
		p++
	}
	return p
}

func (c *carrier) pointsOfTypes() int {
	p, kinds := 0, 0
	for class := text; class < classes; class++ {
		if c.types[class] >= 3 {
			kinds++
		}
	}
	if c.types[strange] >= 3 {
		p += 3
	}
	if kinds >= 2 {
		p += 2
	}
	if c.carrying() >= most {
		p++
	}
	return p
}

// step is 0 below one bound, 2 from the other, and 1 between.
func step(v, one, two float64) int {
	switch {
	case v >= two:
		return 2
	case v >= one:
		return 1
	}
	return 0
}

// look says whether a label of the name looks encoded, and whether the name holds bytes
// that a host name may not.
func look(name string) (encoded, binary bool) {
	for start := 0; start <= len(name); {
		end := start
		for end < len(name) && name[end] != '.' {
			end++
		}
		e, b := lookLabel(name[start:end])
		encoded, binary = encoded || e, binary || b
		start = end + 1
	}
	return encoded, binary
}

// lookLabel: hexadecimal of 12 and more digits with both letters and figures, a change
// between letters and figures every six characters, or five consonants in a row. Words
// and numbered hosts have none of that.
func lookLabel(s string) (encoded, binary bool) {
	hex, figures, letters, changes, run, longest := true, 0, 0, 0, 0, 0
	last := byte('-')
	for i := range len(s) {
		k := classOfByte(s[i])
		switch k {
		case 'x':
			return false, true
		case '0':
			figures++
		case 'c', 'v':
			letters++
		}
		hex = hex && (k == '0' || s[i]|0x20 >= 'a' && s[i]|0x20 <= 'f')
		if run++; k != 'c' {
			run = 0
		}
		longest = max(longest, run)
		if (k == '0') != (last == '0') && k != '-' && last != '-' {
			changes++
		}
		last = k
	}
	if len(s) < 12 {
		return false, false
	}
	return hex && figures > 0 && letters > 0 || changes >= 2 && changes*6 >= len(s) || longest >= 5, false
}

// classOfByte: '0' a figure, 'v' a vowel, 'c' a consonant, '-' a separator, 'x' what no
// host name holds. The backslash is how text forms of names write other bytes.
func classOfByte(c byte) byte {
	switch l := c | 0x20; {
	case c >= '0' && c <= '9':
		return '0'
	case c == '-' || c == '_':
		return '-'
	case l == 'a' || l == 'e' || l == 'i' || l == 'o' || l == 'u' || l == 'y':
		return 'v'
	case l >= 'a' && l <= 'z':
		return 'c'
	}
	return 'x'
}
