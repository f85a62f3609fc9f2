package catalogue

// enums are the texts of the dictionary's other closed sets.
func enums() []text {
	return []text{
		{"status.pending", "pending", "승인 대기"},
		{"status.approved", "approved", "승인됨"},
		{"status.denied", "denied", "거절됨"},
		{"status.revoked", "revoked", "승인 취소됨"},
		{"status.blocked", "blocked", "차단됨"},
		{"status.none", "no row", "행 없음"},
		{"source.database", "database", "데이터베이스"},
		{"source.haechi", "Haechi", "해치"},

		{"key_state.current", "current", "현재 키"},
		{"key_state.in_use", "in use", "이전 키 사용 중"},
		{"key_state.left", "left", "새 키로 옮김"},
		{"key_state.silent", "silent", "소식 없음"},

		{"code.open", "open", "열림"},
		{"code.used", "used up", "모두 사용됨"},
		{"code.ended", "ended", "종료됨"},
		{"code.over", "expired", "만료됨"},

		{"action.pass", "pass", "통과"},
		{"action.watch", "watch", "관찰"},
		{"action.throttle", "throttle", "속도 제한"},
		{"action.challenge", "challenge", "확인 요구"},
		{"action.hold", "hold", "보류"},
		{"action.deny", "deny", "거부"},
		{"action.drop", "drop", "폐기"},

		{"mode.off", "off", "꺼짐"},
		{"mode.shadow", "shadow", "관찰만"},
		{"mode.enforce", "enforced", "적용"},

		{"severity.info", "info", "정보"},
		{"severity.low", "low", "낮음"},
		{"severity.medium", "medium", "보통"},
		{"severity.high", "high", "높음"},
		{"severity.critical", "critical", "심각"},

		{"kind.none", "none", "없음"},
		{"kind.connect", "connection", "연결"},
		{"kind.handshake", "handshake", "핸드셰이크"},
		{"kind.auth", "authentication", "인증"},
		{"kind.message", "message", "메시지"},
		{"kind.request", "request", "요청"},
		{"kind.flow", "flow", "트래픽 흐름"},
		{"kind.query", "query", "쿼리"},
		{"kind.hello", "TLS hello", "TLS 인사"},
		{"kind.lookup", "DNS lookup", "DNS 조회"},
		{"kind.call", "remote call", "원격 호출"},
		{"kind.turn", "turn", "발화"},
		{"kind.counted", "count of the kernel", "커널 집계"},
		{"kind.answer", "answer", "응답"},
		{"kind.alert", "foreign alert", "외부 경보"},
		{"kind.admin", "operator", "운영자"},
		{"kind.close", "close", "연결 종료"},
		{"kind.system", "gateway", "게이트웨이"},

		{"outcome.unknown", "unknown", "알 수 없음"},
		{"outcome.success", "success", "성공"},
		{"outcome.failure", "failure", "실패"},

		{"origin.rule", "rule", "규칙"},
		{"origin.operator", "operator", "운영자"},
		{"origin.list", "list", "목록"},
		{"origin.peer", "peer", "외부 프로그램"},

		{"assurance.seen", "unchecked", "확인 안 됨"},
		{"assurance.handshaken", "address is real", "주소 확인됨"},
		{"assurance.authenticated", "identity proved", "신원 증명됨"},
	}
}
