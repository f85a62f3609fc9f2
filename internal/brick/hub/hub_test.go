package hub_test

import (
	"context"
	"testing"

	"haechi/internal/brick/hub"
)

func TestSlowSubscriberLosesTheOldest(t *testing.T) {
	h := hub.New[int](2)
	h.Publish(new(int)) // nobody listens: gone
	ctx, cancel := context.WithCancel(t.Context())
	ch, ok := h.Subscribe(ctx, 2)
	if !ok {
		t.Fatal("refused")
	}
	for i := 1; i <= 5; i++ {
		h.Publish(&i)
	}
	if a, b := <-ch, <-ch; a != 4 || b != 5 || h.Dropped() != 3 {
		t.Errorf("got %d %d, dropped %d", a, b, h.Dropped())
	}
	cancel()
	if _, open := <-ch; open {
		t.Error("the channel stays open after its context ended")
	}
	h.Publish(new(int))
}

func TestSubscribersAreCapped(t *testing.T) {
	h := hub.New[int](1)
	ctx, cancel := context.WithCancel(t.Context())
	ch, _ := h.Subscribe(ctx, 1)
	if _, ok := h.Subscribe(t.Context(), 1); ok || h.Refused() != 1 {
		t.Error("a subscriber beyond the cap was taken")
	}
	cancel()
	<-ch
	if _, ok := h.Subscribe(t.Context(), 1); !ok {
		t.Error("the freed place was not given away")
	}
}
