package catalogue

// shared are texts used on many pages.
func shared() []text {
	return []text{
		{"app.name", "Haechi", "해치"},
		{"language.en", "English", "English"},
		{"language.ko", "한국어", "한국어"},
		{"nav.main", "Pages", "페이지"},
		{"nav.skip", "Skip to the content", "본문으로 건너뛰기"},
		{"nav.language", "Language", "언어"},
		{"nav.logout", "Log out", "로그아웃"},
		{"nav.overview", "Overview", "개요"},
		{"nav.live", "Live", "실시간"},
		{"nav.devices", "Devices", "기기"},
		{"nav.decisions", "Decisions", "결정"},
		{"nav.incidents", "Incidents", "사건"},
		{"nav.why", "Why?", "왜?"},
		{"nav.rules", "Rules", "규칙"},
		{"nav.reports", "Reports", "보고서"},
		{"nav.audit", "Audit", "감사 기록"},
		{"nav.status", "Status", "상태"},

		{"form.reason", "Reason", "사유"},
		{"form.reason_placeholder", "one line, kept in the audit log", "한 줄, 감사 기록에 남습니다"},
		{"form.copy", "Copy", "복사"},
		{"form.copied", "Copied", "복사됨"},

		{"time.never", "never", "없음"},
		{"time.now", "just now", "방금"},
		{"time.ago", "{0} ago", "{0} 전"},
		{"time.in", "in {0}", "{0} 후"},
		{"time.d", "{0} d", "{0}일"},
		{"time.h", "{0} h", "{0}시간"},
		{"time.m", "{0} min", "{0}분"},
		{"time.s", "{0} s", "{0}초"},

		{"error.title", "That did not work", "처리하지 못했습니다"},
		{"error.open", "Open the page", "페이지 열기"},
		{"error.change", "Make the change", "변경하기"},
		{"error.no_page", "There is no such page.", "그런 페이지가 없습니다."},
		{"error.internal", "Something went wrong inside the gateway.", "게이트웨이 내부에서 문제가 생겼습니다."},
		{"error.internal_hint", "The gateway's log says what.", "자세한 내용은 게이트웨이 로그에 있습니다."},
		{"error.foreign", "The request did not come from a page of this console.", "이 콘솔의 페이지에서 보낸 요청이 아닙니다."},
		{"error.foreign_hint", "Open the console directly and try again.", "콘솔을 직접 열어 다시 시도하세요."},
		{"error.reason", "The reason is missing or is not one short line.", "사유가 없거나 짧은 한 줄이 아닙니다."},
		{"error.reason_hint", "Go back and say in a line why.", "뒤로 가서 이유를 한 줄로 적어 주세요."},

		{"events.time", "Time", "시각"},
		{"events.kind", "Kind", "종류"},
		{"events.who", "Who", "대상"},
		{"events.answer", "Answer", "처리"},
		{"events.rule", "Rule", "규칙"},
		{"events.measure", "Observed / threshold", "관측값 / 기준"},
		{"events.ref", "Reference", "참조 번호"},
		{"events.none", "Nothing recorded.", "기록이 없습니다."},
	}
}
