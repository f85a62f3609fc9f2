package waftest

import (
	"encoding/json"
	"net/url"
	"strconv"

	"haechi/internal/inspect/waf"
)

// names are the parameters into which attacks are put.
func names() []string {
	return []string{"q", "file", "url", "id", "name", "page", "redirect", "comment", "host", "template"}
}

// usual is what such a parameter is for.
func (b Benign) usual(name string) string {
	switch name {
	case "q":
		return b.phrase()
	case "file":
		return pick(b, "report", "photo", "scan_2026", "IMG-"+b.digits(4)) + pick(b, ".pdf", ".jpg", ".png")
	case "url":
		return "https://shop.example.com/a/" + b.hex(6)
	case "id":
		return b.digits(1 + b.IntN(6))
	case "name":
		return b.name()
	case "page":
		return strconv.Itoa(b.IntN(50))
	case "redirect":
		return pick(b, "/", "/cart", "/account/orders", "/item/"+b.digits(4))
	case "comment":
		return b.phrase() + ". " + b.phrase() + "!"
	case "host":
		return pick(b, "www.example.com", "shop.example.co.kr", "api-"+b.digits(2)+".example.net")
	}
	return pick(b, "invoice", "welcome_ko", "order-shipped", "default")
}

// Usual is a request in which the parameters that [Assault] attacks hold what they are
// for, in the query, a form or JSON. Of every so many values one is a slip, a sentence, a
// name or an address in the wrong field; 0: none is.
func (b Benign) Usual(slips int) *waf.View {
	form, doc := url.Values{}, map[string]any{"ok": true}
	for _, name := range names() {
		value := b.usual(name)
		doc[name] = value
		if n, err := strconv.Atoi(value); err == nil {
			doc[name] = n
		}
		if slips > 0 && b.IntN(slips) == 0 {
			value = pick(b, b.phrase(), b.name(), "https://www.example.com/"+b.hex(4))
			doc[name] = value
		}
		form.Set(name, value)
	}
	v := b.Make("page")
	v.Target = b.path()
	switch b.IntN(3) {
	case 0:
		v.Target += "?lang=ko&" + form.Encode()
	case 1:
		form.Set("ok", "1")
		b.post(v, "application/x-www-form-urlencoded", []byte(form.Encode()))
	default:
		body, err := json.Marshal(doc)
		must(err)
		b.post(v, "application/json", body)
	}
	return v
}
