package windows_test

import (
	"testing"

	"haechi"
	"haechi/internal/sensor/talk/talktest"
	"haechi/internal/sensor/talk/windows"
)

type said = talktest.Said

func in(s string) said  { return talktest.In(s) }
func out(s string) said { return talktest.Out(s) }

func stage() talktest.Stage { return talktest.Of(windows.Accents(), talktest.Hellos()) }

func anyCut(t testing.TB, port uint16, conversation []said) []haechi.Event {
	t.Helper()
	return stage().AnyCut(t, port, conversation)
}

func FuzzConversation(f *testing.F) {
	var scenes []talktest.Scene
	for _, x := range callings() {
		scenes = append(scenes, talktest.Scene{Port: x.port, Said: x.talk})
	}
	for _, x := range tickets() {
		scenes = append(scenes, talktest.Scene{Port: 88, Said: []said{in(long(x.ask)), out(long(x.answer))}})
	}
	stage().Fuzz(f, append(scenes, talktest.Scene{Port: 389, Said: directory()}))
}
