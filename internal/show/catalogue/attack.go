package catalogue

// attacking are the texts about the stage of an attack.
func attacking() []text {
	return []text{
		{"stage.watch", "watch", "관찰"},
		{"stage.tighten", "tighten", "제한 강화"},
		{"stage.cookies", "cookies", "SYN 쿠키"},
		{"stage.known", "known", "알려진 클라이언트만"},
		{"stage.closed", "closed", "차단"},

		{"attack.banner", "Under attack: the gateway is at the stage {0}.", "공격을 받고 있습니다. 게이트웨이 단계: {0}."},
		{"attack.banner_shadow", "Under attack: the gateway would be at the stage {0} (shadow).", "공격을 받고 있습니다. 적용했다면 단계는 {0}입니다(shadow)."},

		{"measure.new", "new connections of each client are limited", "클라이언트별 새 연결을 제한합니다"},
		{"measure.meters", "the kernel limits SYNs and pings of each source", "커널이 출발지별 SYN과 핑을 제한합니다"},
		{"measure.cookies", "the kernel answers SYNs by cookies", "커널이 SYN 쿠키로 응답합니다"},
		{"measure.reflection", "the kernel drops answers that nobody asked for", "커널이 요청하지 않은 응답을 버립니다"},
		{"measure.known", "clients that came with the attack are refused", "공격과 함께 나타난 클라이언트를 거부합니다"},
		{"measure.closed", "everybody but the allow list and proved devices is refused", "허용 목록과 증명된 기기 외에는 모두 거부합니다"},
		{"measure.on", "in force", "적용 중"},
		{"measure.off", "not in force", "적용되지 않음"},
		{"measure.shadow", "only shown", "표시만"},

		{"cli.stage", "Stage: {0}. {1}", "단계: {0}. {1}"},
		{"cli.stage_calm", "Nothing is being flooded.", "진행 중인 플러드 공격이 없습니다."},
		{"cli.stage_shadow", "It is only shown, since attack.mode is shadow.", "attack.mode가 shadow라서 표시만 합니다."},
		{"cli.stage_by", "Since {0}, by {1}.", "{0}부터, {1}."},
		{"cli.stage_until", "It ends {0}; floods ask for: {1}.", "{0}에 끝납니다. 플러드 공격이 요구하는 단계: {1}."},
		{"cli.stage_next", "If it stays calm, it steps down {0}.", "조용하면 {0}에 한 단계 내려갑니다."},
		{"cli.stage_cookies", "The kernel's SYN cookies: {0}.", "커널의 SYN 쿠키: {0}."},
		{"cli.cookies_never", "never", "보내지 않음"},
		{"cli.cookies_full", "when the queue is full", "대기열이 찼을 때"},
		{"cli.cookies_always", "always", "항상"},
		{"cli.cookies_unknown", "unknown", "알 수 없음"},
		{"cli.stage_released", "Released: the gateway is at the stage {0}; only a new flood raises it again.", "해제했습니다. 현재 단계는 {0}이며, 새 플러드 공격만 단계를 다시 올립니다."},

		{"head.attack", "attack", "공격"},
		{"head.measure", "measure", "조치"},
		{"head.peak", "peak", "최고"},
		{"head.asks", "asks for", "요구 단계"},
	}
}
