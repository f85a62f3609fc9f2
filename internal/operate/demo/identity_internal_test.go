package demo

import (
	"testing"
	"time"

	"haechi"
)

// The phone must sign as the protocol page publishes it.
func TestPublishedVectors(t *testing.T) {
	for bot, want := range map[string]string{
		"LOA.i": "c3b762c2a87c1a3edfd65e5897dac83686f6cdca4cef1754ce17dc093e1e7829",
		"도매까봇":  "1352c40a03b071fe8028f196fef275f6d5af0c2b9ea7283a88d018011c3c8879",
	} {
		id := Identity{Bot: bot, Serial: "0123456789abcdef", Secret: haechi.Secret("example-shared-key-do-not-use"), Salt: haechi.Secret("example-salt")}
		a := id.auth("192.168.0.15", time.UnixMilli(1753412789123))
		if a.Signature != want || a.Timestamp != 1753412789123 {
			t.Errorf("%s: %s", bot, a.Signature)
		}
	}
}
