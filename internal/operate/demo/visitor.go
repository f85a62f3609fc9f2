package demo

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// Visit bounds a friendly visitor's stay. The zero value takes every default.
type Visit struct {
	Pages int           // how many pages in all; 0 means 10,000
	Every time.Duration // between two pages, at least 20 ms; 0 means 2 s
}

// Run looks around the shop like a person with a browser: a page with its
// assets, then another, a search, now and then a login with the right password.
// It returns when its pages are used up or ctx ends.
func (b *Browser) Run(ctx context.Context, v Visit) {
	defer b.Close()
	every := max(orTime(v.Every, 2*time.Second), 20*time.Millisecond)
	paced(ctx, orCount(v.Pages, 10_000), every, func(i int) { b.page(ctx, i) })
}

// page is one step of a visit. The assets are fetched with the first page, as a
// browser with a cache does.
func (b *Browser) page(ctx context.Context, i int) {
	if i == 0 {
		b.Get(ctx, "/assets/style.css")
		b.Get(ctx, "/assets/logo.svg")
	}
	switch i % 8 {
	case 0, 4:
		b.Get(ctx, "/")
	case 1, 2:
		b.Get(ctx, fmt.Sprintf("/products/%d", 1+i%6))
	case 3:
		b.Get(ctx, "/search?q="+url.QueryEscape([]string{"녹차", "ginger", "감귤"}[i/8%3]))
	case 5:
		b.Get(ctx, "/api/products")
	case 6:
		b.Get(ctx, "/login")
	case 7:
		b.Post(ctx, "/login", url.Values{"email": {ShopUser}, "password": {ShopPassword}})
	}
}
