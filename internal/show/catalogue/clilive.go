package catalogue

// visiting are what `haechi check --live` finds. The last part of a name is its level.
func visiting() []text {
	return []text{
		{"live.version.good", "{0}, {1}, key exchange {2}", "{0}, {1}, 키 교환 {2}"},
		{"live.certificate.good", "The certificate is trusted, until {0}.", "인증서를 신뢰할 수 있습니다. 만료: {0}."},
		{"live.certificate.bad", "The certificate is not trusted: {0}", "인증서를 신뢰할 수 없습니다: {0}"},
		{"live.expiry.bad", "The certificate ends soon: {0}.", "인증서가 곧 만료됩니다: {0}."},
		{"live.old.good", "TLS 1.0 and 1.1 are refused.", "TLS 1.0과 1.1을 거부합니다."},
		{"live.old.bad", "TLS 1.0 or 1.1 is accepted.", "TLS 1.0 또는 1.1을 받아들입니다."},
		{"live.answer.good", "{0} answers with {1}:", "{0} 응답 {1}:"},
		{"live.hsts.good", "HSTS: {0}", "HTTPS 강제(HSTS): {0}"},
		{"live.hsts.bad", "No HSTS: a first visit can be kept on plain HTTP.", "HSTS가 없습니다. 첫 방문이 평문 HTTP에 묶일 수 있습니다."},
		{"live.nosniff.good", "Content types are not guessed.", "콘텐츠 형식을 추측하지 않습니다."},
		{"live.nosniff.bad", "X-Content-Type-Options: nosniff is missing.", "X-Content-Type-Options: nosniff가 없습니다."},
		{"live.referrer.good", "Referrer-Policy: {0}", "참조 정책(Referrer-Policy): {0}"},
		{"live.referrer.bad", "No Referrer-Policy, or one that tells everything.", "Referrer-Policy가 없거나 모든 것을 알려 줍니다."},
		{"live.frames.good", "Framing by strangers is refused.", "다른 사이트의 프레임 삽입을 거부합니다."},
		{"live.frames.bad", "Anybody may show the page in a frame.", "누구나 페이지를 프레임에 넣을 수 있습니다."},
		{"live.xss.bad", "X-XSS-Protection: {0} does harm in old browsers and nothing in new ones.", "X-XSS-Protection: {0}은(는) 옛 브라우저에 해롭고 새 브라우저에는 소용이 없습니다."},
		{"live.csp.good", "Content security policy: {0}", "콘텐츠 보안 정책: {0}"},
		{"live.csp.note", "The content security policy blocks nothing yet: {0}", "콘텐츠 보안 정책이 아직 아무것도 막지 않습니다: {0}"},
		{"live.csp.bad", "The content security policy lets every inline script run: {0}", "콘텐츠 보안 정책이 모든 인라인 스크립트를 허용합니다: {0}"},
		{"live.cookie.good", "The cookie {0} is protected.", "쿠키 {0}은(는) 보호됩니다."},
		{"live.cookie.note", "The cookie {0} has no {1}.", "쿠키 {0}에 {1} 속성이 없습니다."},
		{"live.cookie.bad", "The cookie {0} travels by plain HTTP; it has no {1}.", "쿠키 {0}이(가) 평문 HTTP로도 전송됩니다. {1} 속성이 없습니다."},
		{"live.plain.good", "Plain HTTP is sent on to {0}", "평문 HTTP를 {0}(으)로 보냅니다"},
		{"live.plain.note", "Plain HTTP was not visited; --plain URL does.", "평문 HTTP는 확인하지 않았습니다. --plain URL로 확인할 수 있습니다."},
		{"live.plain.bad", "Plain HTTP answers with {0} and does not send on to https.", "평문 HTTP가 {0}(으)로 응답하며 https로 보내지 않습니다."},
		{"live.closed.note", "Plain HTTP does not answer: {0}", "평문 HTTP가 응답하지 않습니다: {0}"},
	}
}
