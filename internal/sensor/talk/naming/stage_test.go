package naming_test

import (
	"testing"

	"haechi"
	"haechi/internal/sensor/talk"
	"haechi/internal/sensor/talk/naming"
	"haechi/internal/sensor/talk/talktest"
)

type said = talktest.Said

func in(s string) said  { return talktest.In(s) }
func out(s string) said { return talktest.Out(s) }

func stage() talktest.Stage { return talktest.Of(naming.Accents()) }

func newEar(cfg talk.Config) *talktest.Ear { return stage().Listen(cfg) }

func anyCut(t testing.TB, port uint16, conversation []said) []haechi.Event {
	t.Helper()
	return stage().AnyCut(t, port, conversation)
}

func FuzzConversation(f *testing.F) {
	dns := lookups()
	for i := range dns {
		dns[i].Text = framed(dns[i].Text)
	}
	stage().Fuzz(f, []talktest.Scene{{Port: 443, Said: []said{in(string(clientHello(f, "shop.example.com", false)))}}, {Port: 53, Said: dns}, {Port: 5300, Said: dns}})
}

func FuzzDatagrams(f *testing.F) {
	h := clientHello(f, "quic.example.com", true)
	stage().FuzzDatagrams(f, []talktest.Scene{{Port: 53, Said: lookups()}, {Port: 443, Said: []said{in(initial(0, crypto(h, 0, len(h))))}}})
}
