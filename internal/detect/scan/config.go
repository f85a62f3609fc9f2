package scan

import (
	"math"
	"time"
)

// Config are the parameters.
type Config struct {
	Ports   int           `least:"1" most:"24"`        // more ports of one host in the window are a scan (B90)
	Window  time.Duration `least:"1s" most:"1h"`       // (B90)
	Answer  time.Duration `least:"100ms" most:"1m"`    // a contact that nobody answered for so long is bad
	Forget  time.Duration `least:"1m" most:"31d"`      // a source is forgotten after so long without a bad contact
	Good    float64       `least:"0.51" most:"0.99"`   // share of an honest source's contacts that are good
	Wrong   float64       `least:"1e-12" most:"0.01"`  // probability that an honest source is found
	Sources int           `least:"16" most:"10000000"` // sources held at once
}

// Defaults are the parameters as shipped: the documents' ten ports in a minute, the
// paper's shares, an answer within three times the first retransmission of a SYN (RFC
// 6298: 1 s), and six hours, so that a scan of a contact every half hour is one.
func Defaults() Config {
	return Config{Ports: 10, Window: time.Minute, Answer: 3 * time.Second, Forget: 6 * time.Hour, Good: 0.8, Wrong: 1e-5, Sources: 16_384}
}

// step is what one contact adds to the logarithm of the likelihood ratio.
func (c *Config) step() float64 { return math.Log(c.Good / (1 - c.Good)) }

// high is the ratio's logarithm from which a source is a scanner, low the one below
// which it is honest; the paper's bounds with a share of 0.99 found.
func (c *Config) high() float64 { return math.Log(0.99 / c.Wrong) }
func (c *Config) low() float64  { return math.Log(0.01 / (1 - c.Wrong)) }
