package sqlite

import (
	"fmt"
	"testing"
)

// LimitPages makes events.db full at so many pages.
func LimitPages(t *testing.T, s *Store, pages int) {
	t.Helper()
	var n int
	if err := s.events.w.QueryRowContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Scan(&n); err != nil {
		t.Fatal(err)
	}
}
