package app

import "testing"

// Not to know is no reason to stop recording: some file systems have no sizes.
func TestRoomWhereNobodyKnows(t *testing.T) {
	for _, dir := range []string{"/nowhere/at/all", "/proc"} {
		if !hasRoom(dir) {
			t.Errorf("%s has no room", dir)
		}
	}
}
