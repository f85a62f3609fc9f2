package demo

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync/atomic"
)

//go:embed shop
var shopFiles embed.FS

// The one account of the shop.
const (
	ShopUser     = "mina@example.com"
	ShopPassword = "moonlight-tea"
)

// product is one thing in the shop.
type product struct {
	ID    int    `json:"id"`
	Name  string `json:"name"`
	Mark  string `json:"-"`
	Text  string `json:"text"`
	Price int    `json:"price"`
}

func products() []product {
	return []product{
		{1, "보성 녹차 Green tea", "🍵", "이른 봄에 딴 어린 잎. First leaves of spring.", 18000},
		{2, "제주 감귤차 Citrus tea", "🍊", "햇볕에 말린 귤껍질. Sun-dried peel.", 12000},
		{3, "국화차 Chrysanthemum", "🌼", "맑고 은은한 향. Clear and gentle.", 15000},
		{4, "대추차 Jujube tea", "🫖", "오래 달인 단맛. Slowly simmered.", 14000},
		{5, "생강차 Ginger tea", "🫚", "추운 날의 온기. For cold days.", 11000},
		{6, "현미차 Brown rice tea", "🌾", "고소한 한 잔. Nutty and plain.", 9000},
	}
}

// ShopCounts is what the shop received since start.
type ShopCounts struct {
	Requests, Bytes uint64 // bytes of bodies received
	Missing         uint64 // answered 404
	Logins          uint64 // right passwords
	FailedLogins    uint64 // wrong ones
}

// Shop is a small web shop: pages, assets, a login and an API. It keeps nothing
// but counts and needs nothing from outside.
type Shop struct {
	mux    *http.ServeMux
	page   *template.Template
	counts struct{ requests, bytes, missing, logins, failed atomic.Uint64 }
}

// NewShop returns the shop. It fails only if its own page does not parse.
func NewShop() (*Shop, error) {
	page, err := template.ParseFS(shopFiles, "shop/page.html")
	if err != nil {
		return nil, fmt.Errorf("parse the shop's page: %w", err)
	}
	s := &Shop{mux: http.NewServeMux(), page: page}
	s.mux.HandleFunc("GET /{$}", s.home)
	s.mux.HandleFunc("GET /products/{id}", s.product)
	s.mux.HandleFunc("GET /search", s.search)
	s.mux.HandleFunc("GET /login", s.loginPage)
	s.mux.HandleFunc("POST /login", s.login)
	s.mux.HandleFunc("GET /account", s.account)
	s.mux.HandleFunc("GET /assets/{name}", s.asset)
	s.mux.HandleFunc("GET /api/products", s.list)
	s.mux.HandleFunc("POST /api/cart", s.cart)
	s.mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	s.mux.HandleFunc("/", s.missing)
	return s, nil
}

// Counts is what the shop received so far.
func (s *Shop) Counts() ShopCounts {
	c := &s.counts
	return ShopCounts{Requests: c.requests.Load(), Bytes: c.bytes.Load(), Missing: c.missing.Load(),
		Logins: c.logins.Load(), FailedLogins: c.failed.Load()}
}

// ServeHTTP implements http.Handler.
func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.counts.requests.Add(1)
	if r.ContentLength > 0 {
		s.counts.bytes.Add(uint64(r.ContentLength))
	}
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	s.mux.ServeHTTP(w, r)
}

// view is what the page shows.
type view struct {
	Title, Note, User, Query string
	Product                  *product
	Products                 []product
	Search, Login            bool
}

func (s *Shop) show(w http.ResponseWriter, r *http.Request, status int, v view) {
	if c, err := r.Cookie("shop"); err == nil && c.Value == "mina" {
		v.User = "미나 Mina"
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = s.page.Execute(w, v) // fails only when the peer is gone
}

func (s *Shop) home(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, view{Title: "오늘의 차 Teas of the day", Products: products()})
}

func (s *Shop) product(w http.ResponseWriter, r *http.Request) {
	for _, p := range products() {
		if r.PathValue("id") == fmt.Sprint(p.ID) {
			s.show(w, r, http.StatusOK, view{Title: p.Name, Product: &p})
			return
		}
	}
	s.missing(w, r)
}

func (s *Shop) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query().Get("q")
	var found []product
	for _, p := range products() {
		if q != "" && strings.Contains(strings.ToLower(p.Name), strings.ToLower(q)) {
			found = append(found, p)
		}
	}
	s.show(w, r, http.StatusOK, view{Title: "찾기 Search", Search: true, Query: q, Products: found})
}

func (s *Shop) loginPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, view{Title: "로그인 Sign in", Login: true})
}

func (s *Shop) login(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("email") != ShopUser || r.PostFormValue("password") != ShopPassword {
		s.counts.failed.Add(1)
		s.show(w, r, http.StatusUnauthorized, view{Title: "로그인 Sign in", Login: true,
			Note: "이메일이나 비밀번호가 달라요. That is not right."})
		return
	}
	s.counts.logins.Add(1)
	http.SetCookie(w, &http.Cookie{Name: "shop", Value: "mina", Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, "/account", http.StatusSeeOther)
}

func (s *Shop) account(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie("shop"); err != nil || c.Value != "mina" {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	s.show(w, r, http.StatusOK, view{Title: "안녕하세요, 미나 님 Hello, Mina", Note: "주문이 없어요. No orders yet."})
}

func (s *Shop) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if name != "style.css" && name != "logo.svg" {
		s.missing(w, r)
		return
	}
	w.Header().Set("Cache-Control", "max-age=3600")
	http.ServeFileFS(w, r, shopFiles, "shop/"+name)
}

func (s *Shop) list(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(products())
}

func (s *Shop) cart(w http.ResponseWriter, r *http.Request) {
	var item struct{ ID, Count int }
	if err := json.NewDecoder(r.Body).Decode(&item); err != nil || item.Count < 1 || item.Count > 99 {
		http.Error(w, `{"error":"id and count, please"}`, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, "{\"id\":%d,\"count\":%d}\n", item.ID, item.Count)
}

func (s *Shop) missing(w http.ResponseWriter, r *http.Request) {
	s.counts.missing.Add(1)
	s.show(w, r, http.StatusNotFound, view{Title: "없는 페이지예요 Not found"})
}
