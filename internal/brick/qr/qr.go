package qr

import (
	"fmt"
	"image/color"
	"strings"

	barcode "github.com/boombuler/barcode/qr"
)

// MaxText bounds the text, in bytes: what fits a code that a phone still reads from
// a screen.
const MaxText = 300

// quiet is the empty border that the standard asks for, in modules.
const quiet = 4

// Code is a QR code with its quiet zone. Modules are counted from the upper left
// corner.
type Code struct {
	size int
	dark []bool
}

// Encode makes the code of a text of 1 to 300 bytes. Texts of capital letters,
// digits and dashes give the smallest codes.
func Encode(text string) (*Code, error) {
	if text == "" || len(text) > MaxText {
		return nil, fmt.Errorf("make a QR code: %d bytes of text, want 1 to %d", len(text), MaxText)
	}
	b, err := barcode.Encode(text, barcode.M, barcode.Auto)
	if err != nil {
		return nil, fmt.Errorf("make a QR code: %w", err)
	}
	inner := b.Bounds().Dx()
	c := &Code{size: inner + 2*quiet}
	c.dark = make([]bool, c.size*c.size)
	for y := range inner {
		for x := range inner {
			c.dark[(y+quiet)*c.size+x+quiet] = b.At(x, y) == color.Black
		}
	}
	return c, nil
}

// Size is the width and height in modules, the quiet zone with it.
func (c *Code) Size() int { return c.size }

// Dark reports whether a module is dark; outside the code it is not.
func (c *Code) Dark(x, y int) bool {
	return x >= 0 && y >= 0 && x < c.size && y < c.size && c.dark[y*c.size+x]
}

// Lines draws the code for a terminal, two rows of modules a line, with block
// characters for the light modules: they are the terminal's foreground, which is
// light on a dark ground. On a light ground pass inverted.
func (c *Code) Lines(inverted bool) []string {
	blocks := [4]string{"█", "▀", "▄", " "} // both light, lower dark, upper dark, both dark
	if inverted {
		blocks = [4]string{" ", "▄", "▀", "█"}
	}
	var out []string
	for y := 0; y < c.size; y += 2 {
		var line strings.Builder
		for x := range c.size {
			n := 0
			if c.Dark(x, y+1) {
				n |= 1
			}
			if c.Dark(x, y) {
				n |= 2
			}
			line.WriteString(blocks[n])
		}
		out = append(out, line.String())
	}
	return out
}

// Path draws the dark modules as the path of an SVG drawing whose unit is one
// module.
func (c *Code) Path() string {
	var out strings.Builder
	for y := range c.size {
		for x := 0; x < c.size; x++ {
			from := x
			for c.Dark(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&out, "M%d %dh%dv1h-%dz", from, y, x-from, x-from)
			}
		}
	}
	return out.String()
}
