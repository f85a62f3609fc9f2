package exceptions

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// Max bounds the exceptions of a book.
const Max = 1000

// prefix begins the names of the settings that hold exceptions.
const prefix = "waf.exception/"

// Settings keeps small named values until a time.
type Settings interface {
	Setting(ctx context.Context, name string) ([]byte, error)
	SetSetting(ctx context.Context, name string, value []byte, until time.Time) error
	DeleteSetting(ctx context.Context, name string) error
	SettingNames(ctx context.Context, prefix string) ([]string, error)
}

// Book is the list of exceptions. It is safe for concurrent use.
type Book struct {
	settings Settings
	mu       sync.Mutex // held by changes
	all      atomic.Pointer[[]haechi.Exception]
}

// Open reads the exceptions that have not expired. Errors are those of the settings, and
// of kind Invalid for one that cannot be read.
func Open(ctx context.Context, s Settings) (*Book, error) {
	b := &Book{settings: s}
	names, err := s.SettingNames(ctx, prefix)
	if err != nil {
		return nil, err
	}
	all := make([]haechi.Exception, 0, len(names))
	for _, name := range names {
		raw, err := s.Setting(ctx, name)
		if err != nil {
			return nil, err
		}
		var x haechi.Exception
		if err := json.Unmarshal(raw, &x); err != nil {
			return nil, &haechi.Error{Kind: haechi.Invalid, Op: "read the WAF's exceptions", Msg: name + " cannot be read", Err: err,
				Hint: "delete that row of the table settings, and make the exception again"}
		}
		all = append(all, x)
	}
	b.all.Store(&all)
	return b, nil
}

// All are the exceptions, oldest first, some of which may have expired. The list is not
// to be changed.
func (b *Book) All() []haechi.Exception { return *b.all.Load() }

// AddException keeps an exception, in the place of one with the same ID, and puts it into force.
// Errors are of kind Exhausted, or the settings'.
func (b *Book) AddException(ctx context.Context, x haechi.Exception, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(b.All()), func(old haechi.Exception) bool { return old.ID == x.ID || !now.Before(old.Expires) })
	if len(next) >= Max {
		return &haechi.Error{Kind: haechi.Exhausted, Op: "add an exception", Msg: fmt.Sprintf("there are %d exceptions", len(next)), Hint: "end some of them; haechi waf exceptions lists them"}
	}
	raw, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if err := b.settings.SetSetting(ctx, prefix+x.ID, raw, x.Expires); err != nil {
		return err
	}
	next = append(next, x)
	b.all.Store(&next)
	return nil
}

// EndException ends an exception. Errors are of kind NotFound, or the settings'.
func (b *Book) EndException(ctx context.Context, id string) (haechi.Exception, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.All()
	i := slices.IndexFunc(all, func(x haechi.Exception) bool { return x.ID == id })
	if i < 0 {
		return haechi.Exception{}, &haechi.Error{Kind: haechi.NotFound, Op: "end the exception", Msg: "no exception has this id", Hint: "haechi waf exceptions lists them; those of the configuration are ended there"}
	}
	if err := b.settings.DeleteSetting(ctx, prefix+id); err != nil {
		return haechi.Exception{}, err
	}
	next := slices.Delete(slices.Clone(all), i, i+1)
	b.all.Store(&next)
	return all[i], nil
}
