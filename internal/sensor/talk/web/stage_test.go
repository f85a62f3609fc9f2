package web_test

import (
	"testing"

	"haechi"
	"haechi/internal/sensor/talk"
	"haechi/internal/sensor/talk/talktest"
	"haechi/internal/sensor/talk/web"
)

type said = talktest.Said

func in(s string) said  { return talktest.In(s) }
func out(s string) said { return talktest.Out(s) }

func stage() talktest.Stage { return talktest.Of(web.Accents(), talktest.Hellos()) }

func newEar(cfg talk.Config) *talktest.Ear { return stage().Listen(cfg) }

func anyCut(t testing.TB, port uint16, conversation []said) []haechi.Event {
	t.Helper()
	return stage().AnyCut(t, port, conversation)
}

func FuzzConversation(f *testing.F) {
	scenes := []talktest.Scene{{Port: 80, Said: browsing()}}
	for _, x := range proxied() {
		scenes = append(scenes, talktest.Scene{Port: 1080, Said: x})
	}
	stage().Fuzz(f, scenes)
}
