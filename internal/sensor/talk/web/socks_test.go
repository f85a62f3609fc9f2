package web_test

import (
	"testing"

	"haechi/internal/sensor/talk/talktest"
)

// proxied are conversations behind SOCKS proxies.
func proxied() map[string][]said {
	hello := talktest.Hello("hidden.example.com")
	return map[string][]said{
		"5":  {in("\x05\x01\x00"), out("\x05\x00"), in("\x05\x01\x00\x01\x01\x02\x03\x04\x01\xbb"), out("\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"), hello},
		"5h": {in("\x05\x02\x00\x02"), out("\x05\x00"), in("\x05\x01\x00\x03\x01a\x01\xbb"), out("\x05\x00\x00\x03\x01a\x00\x00"), hello},
		"4":  {in("\x04\x01\x01\xbb\x01\x02\x03\x04me\x00"), out("\x00\x5a\x00\x00\x00\x00\x00\x00"), hello},
		"4a": {in("\x04\x01\x01\xbb\x00\x00\x00\x01me\x00host\x00"), out("\x00\x5a\x00\x00\x00\x00\x00\x00"), hello},
	}
}

func TestBehindSOCKS(t *testing.T) {
	for name, conversation := range proxied() {
		if events := anyCut(t, 1080, conversation); len(events) != 1 || events[0].Name != "hidden.example.com" {
			t.Errorf("%s: told %q", name, talktest.Facts(events))
		}
	}
	refused := []said{in("\x05\x01\x00"), out("\x05\xff"), talktest.Hello("hidden.example.com")}
	if events := anyCut(t, 1080, refused); len(events) != 0 {
		t.Errorf("told %q", talktest.Facts(events))
	}
}
