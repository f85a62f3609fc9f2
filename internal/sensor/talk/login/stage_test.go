package login_test

import (
	"testing"

	"haechi"
	"haechi/internal/sensor/talk"
	"haechi/internal/sensor/talk/login"
	"haechi/internal/sensor/talk/talktest"
)

type said = talktest.Said

func in(s string) said  { return talktest.In(s) }
func out(s string) said { return talktest.Out(s) }

func stage() talktest.Stage { return talktest.Of(login.Accents(), talktest.Hellos()) }

func newEar(cfg talk.Config) *talktest.Ear { return stage().Listen(cfg) }

func anyCut(t testing.TB, port uint16, conversation []said) []haechi.Event {
	t.Helper()
	return stage().AnyCut(t, port, conversation)
}

func FuzzConversation(f *testing.F) {
	scenes := []talktest.Scene{{Port: 22, Said: keyExchange()}}
	for _, d := range append(dialogues(), servers()...) {
		scenes = append(scenes, talktest.Scene{Port: d.port, Said: d.talk})
	}
	stage().Fuzz(f, scenes, "SSH-") // which is judged by the sizes of segments
}
