package catalogue

// cli are the messages of the command line: what it did, and what to do next.
func cli() []text {
	return []text{
		{"cli.next", "Next: {0}", "다음: {0}"},
		{"cli.nothing", "Nothing to show.", "표시할 내용이 없습니다."},
		{"cli.no_end", "no end", "기한 없음"},
		{"cli.lifted_at", "lifted {0}", "{0} 해제됨"},
		{"cli.as", "{0} as {1}", "{0}, 기기 {1}"},
		{"cli.of", "{0} of {1}", "{0} (기준 {1})"},
		{"cli.changed", "{0} -> {1}", "{0} → {1} (변경)"},
		{"cli.claimed", "claimed, not proved", "주장일 뿐 증명되지 않음"},
		{"cli.interrupted", "interrupted", "중단되었습니다"},
		{"cli.output_failed", "the output could not be written: {0}", "출력을 쓰지 못했습니다: {0}"},

		{"cli.wrote", "Wrote {0}.", "{0} 파일을 만들었습니다."},
		{"cli.wrote_next", "edit it, then run: {0}", "파일을 고친 뒤 실행하세요: {0}"},
		{"cli.good", "{0} is good. Services: {1}, allowed networks: {2}.", "{0}에 문제가 없습니다. 서비스 {1}개, 허용 네트워크 {2}개."},
		{"cli.reloaded", "The configuration is reloaded; live connections go on.", "설정을 다시 불러왔습니다. 연결 중인 세션은 유지됩니다."},
		{"cli.device_is", "{0} is now: {1}.", "{0}의 상태: {1}."},
		{"cli.device_added", "{0} is registered and waits for approval.", "{0}을(를) 등록했습니다. 승인이 필요합니다."},
		{"cli.device_deleted", "{0} is forgotten for good; records erased: {1}.", "{0}을(를) 완전히 지웠습니다. 지운 기록 {1}건."},
		{"cli.link", "Open this link within 15 minutes; it works once and makes an account or sets its password anew:", "15분 안에 이 링크를 여세요. 한 번만 쓸 수 있으며, 계정을 만들거나 비밀번호를 새로 정합니다:"},
		{"cli.key_made", "Key {0} of {1}. It is not shown again; put it into the client's script now:", "{1}의 키 {0}입니다. 다시 표시되지 않으니 지금 클라이언트 스크립트에 넣으세요:"},
		{"cli.key_retired", "Key {0} of {1} is retired.", "{1}의 키 {0}을(를) 폐기했습니다."},
		{"cli.decided", "Decision {0}: {1} for {2}, until {3}.", "결정 {0}: {2}에 {1} 적용, 종료 {3}."},
		{"cli.decided_open", "Decision {0}: {1} for {2}, until somebody lifts it.", "결정 {0}: {2}에 {1} 적용, 해제할 때까지 유지됩니다."},
		{"cli.lifted", "Decision {0} about {1} is lifted.", "{1}에 대한 결정 {0}을(를) 해제했습니다."},
		{"cli.audit_whole", "The audit chain is intact, entries: {0}.", "감사 기록 체인에 이상이 없습니다: 항목 {0}개."},
		{"cli.undone", "Audit entry {0} is undone, by a new entry.", "감사 항목 {0}번을 새 항목으로 되돌렸습니다."},
		{"cli.backup", "Backed up to {0}. It holds device keys: keep it safe.", "{0}에 백업했습니다. 기기 키가 들어 있으니 안전하게 보관하세요."},
		{"cli.database_backup", "the records lie in a database (records.dsn_file), and a copy of it is made and put back by the database's own tools", "기록이 데이터베이스(records.dsn_file)에 있습니다. 백업과 복원은 데이터베이스의 도구로 합니다"},
		{"cli.database_backup_next", "mariadb-dump --single-transaction --triggers DATABASE > FILE, and mariadb DATABASE < FILE into an empty one while the gateway is stopped; it holds device keys: keep it safe", "백업은 mariadb-dump --single-transaction --triggers DATABASE > FILE, 복원은 게이트웨이를 멈추고 빈 데이터베이스에 mariadb DATABASE < FILE. 기기 키가 들어 있으니 안전하게 보관하세요"},
		{"cli.restored", "Restored into {0}; its audit chain is intact.", "{0}에 복원했습니다. 감사 기록 체인에 이상이 없습니다."},
		{"cli.replayed", "Events since {1}: {0}; findings: {2}, decisions: {3}. Nothing was changed.", "{1}부터 이벤트 {0}건: 탐지 {2}건, 결정 {3}건. 바뀐 것은 없습니다."},
		{"cli.pin_untrusted", "{0} is not trusted by this machine: {1}", "이 컴퓨터는 {0}을(를) 신뢰하지 않습니다: {1}"},
		{"cli.window", "{0}, window: {1}", "{0}, 기간: {1}"},
		{"cli.more", "These are the newest {0}; --limit shows more.", "최근 {0}건입니다. --limit으로 더 볼 수 있습니다."},

		{"cli.up", "Haechi {0} is up since {1}, with the configuration {2}.", "해치 {0}: {1}부터 실행 중, 설정 파일 {2}."},
		{"cli.reloaded_at", "The configuration was last reloaded {0}.", "설정을 마지막으로 다시 불러온 시각: {0}."},
		{"cli.live", "Live sessions: {0}; active bots (signed ping within 5 minutes): {1}; authentication failures in the last hour: {2}.", "현재 세션 {0}개, 활성 봇 {1}개 (5분 내 서명된 핑), 최근 1시간 인증 실패 {2}건."},
		{"cli.standing", "Decisions in force: {0}; devices that wait for approval: {1}.", "적용 중인 결정 {0}개, 승인 대기 기기 {1}개."},
		{"cli.records", "Records: {0}.", "기록: {0}."},
		{"cli.records_waiting", "Records: {0}; waiting in the spool file: {1} KiB.", "기록: {0}, 스풀 파일에서 대기 중: {1} KiB."},
		{"cli.degraded", "Degraded: {0}", "성능 저하: {0}"},
		{"cli.open", "open", "열림"},
		{"cli.closed", "closed", "닫힘"},
		{"cli.answers", "answers", "응답함"},
		{"cli.silent", "does not answer", "응답 없음"},

		{"cli.frame_good", "line {0}: good: {1} of {2}, key {3}, signed {4}", "{0}번째 줄: 정상: {2}의 {1}, 키 {3}, 서명 시각 {4}"},
		{"cli.frame_older", "line {0}: good, by the older signature alone, which does not cover what the frame says: {1} of {2}, signed {3}", "{0}번째 줄: 정상, 다만 내용을 보호하지 않는 기존 서명뿐입니다: {2}의 {1}, 서명 시각 {3}"},
		{"cli.frame_refused", "line {0}: refused at the check \"{1}\": {2}", "{0}번째 줄: 거부, 검사 항목 \"{1}\": {2}"},
		{"cli.check_frame", "it is not one strict JSON object, or something stands behind it", "엄격한 JSON 객체 하나가 아니거나 뒤에 다른 것이 붙어 있습니다"},
		{"cli.check_version", "its version is not 1", "버전이 1이 아닙니다"},
		{"cli.check_field", "a signed value is missing, empty, too long, no text, or has a control character", "서명되는 값이 없거나, 비었거나, 너무 길거나, 문자열이 아니거나, 제어 문자가 있습니다"},
		{"cli.check_nonce", "the sequence number or nonce has not the right form", "순번 또는 논스의 형식이 맞지 않습니다"},
		{"cli.check_time", "the time is not thirteen digits", "시각이 숫자 13자리가 아닙니다"},
		{"cli.check_form", "the signature is not 64 lower-case hex digits, without escapes", "서명이 이스케이프 없는 소문자 16진수 64자리가 아닙니다"},
		{"cli.check_direction", "it goes the other way", "방향이 반대입니다"},
		{"cli.check_device", "it is of another device than the key", "키의 기기와 다른 기기의 프레임입니다"},
		{"cli.check_key", "it names another key", "다른 키를 가리킵니다"},
		{"cli.check_signature", "another key signed it, or something in it was changed", "다른 키로 서명했거나 내용이 바뀌었습니다"},
		{"cli.check_older", "the older signature does not fit", "기존 서명이 맞지 않습니다"},
		{"cli.check_unbound", "it has no signature that covers it whole", "프레임 전체를 보호하는 서명이 없습니다"},
	}
}

// usage are the messages of wrong use of the command line.
func usage() []text {
	return []text{
		{"usage.help", "see: {0} --help", "도움말: {0} --help"},
		{"usage.meant", "did you mean {0}?", "혹시 {0}인가요?"},
		{"usage.command", "{0}: there is no command {1}", "{0}: {1} 명령은 없습니다"},
		{"usage.argument", "{0}: {1} is one argument too many", "{0}: 인자 {1}은(는) 필요하지 않습니다"},
		{"usage.missing", "{0}: an argument is missing", "{0}: 인자가 빠졌습니다"},
		{"usage.reason", "{0}: --reason is required: say in a few words why", "{0}: --reason이 필요합니다. 이유를 짧게 적으세요"},
		{"usage.value", "{0}: {1} is no value for {2}", "{0}: {2}에 {1} 값은 쓸 수 없습니다"},
		{"usage.one_of", "use one of: {0}", "다음 중 하나를 쓰세요: {0}"},
		{"usage.entry", "the numbers are in the first column of: {0}", "번호는 다음 명령의 첫 열에 있습니다: {0}"},
		{"usage.reference", "a reference looks like 7K29Q-XM4TC; {0} lists them", "참조 번호는 7K29Q-XM4TC 같은 형식입니다. 목록: {0}"},
		{"usage.scope", "write kind:value, for example ip:203.0.113.7 or device:bot/id", "종류:값 형식으로 적으세요. 예: ip:203.0.113.7, device:봇/기기"},
		{"usage.key_file", "{0}: --key-file is required: a key on the command line would be seen by others", "{0}: --key-file이 필요합니다. 명령줄에 쓴 키는 다른 사람이 볼 수 있습니다"},
		{"usage.limit", "write a number from 1 to 10000", "1부터 10000까지의 수를 적으세요"},
		{"usage.past", "write a time before now, for example 1h or 7d", "과거의 기간을 적으세요. 예: 1h, 7d"},
	}
}

// starting are what a started gateway says of itself.
func starting() []text {
	return []text{
		{"start.guards", "Haechi guards:", "해치가 지키는 서비스:"},
		{"start.console", "Console: {0}", "콘솔: {0}"},
		{"start.certificate", "Its certificate is from this gateway's own CA, so a browser warns once. To trust it, import {0}.", "인증서는 이 게이트웨이의 자체 CA가 발급했으므로 브라우저가 한 번 경고합니다. 신뢰하려면 {0} 파일을 가져오세요."},
		{"start.login", "Nobody can log in yet. Open this link within 15 minutes; it works once:", "아직 로그인할 수 있는 사람이 없습니다. 15분 안에 이 링크를 여세요. 한 번만 쓸 수 있습니다:"},
		{"start.ask", "Ask it from another terminal, for example: {0}", "다른 터미널에서 물어보세요. 예: {0}"},
		{"start.stop", "Ctrl-C stops it.", "Ctrl-C를 누르면 멈춥니다."},

		{"demo.title", "Haechi guards a sample bot server and a sample shop, on this machine only.", "해치가 이 컴퓨터 안에서만 샘플 봇 서버와 샘플 쇼핑몰을 지킵니다."},
		{"demo.cast", "Four friendly phones and four visitors use them; phones and browsers with bad intent attack in turns.", "친구 휴대폰 4대와 방문자 4명이 이용하고, 나쁜 의도를 가진 휴대폰과 브라우저가 차례로 공격합니다."},
		{"demo.no_cast", "There is no traffic: --no-traffic.", "트래픽이 없습니다: --no-traffic."},
		{"demo.shop", "Shop: {0}", "쇼핑몰: {0}"},
		{"demo.try", "Five commands to try, in another terminal:", "다른 터미널에서 해 볼 다섯 가지 명령:"},
		{"demo.try_events", "what happens, as it happens", "지금 일어나는 일"},
		{"demo.try_devices", "who waits for your approval", "승인을 기다리는 기기"},
		{"demo.try_approve", "let that one converse", "그 기기를 승인"},
		{"demo.try_decisions", "who is kept out, and until when", "막힌 대상과 종료 시각"},
		{"demo.try_why", "why an attacker is kept out", "공격자가 막힌 이유"},
		{"demo.soon", "The first attack is answered after some ten seconds.", "첫 공격에 대한 대응은 10초쯤 뒤에 볼 수 있습니다."},
		{"demo.end", "Ctrl-C ends it and leaves nothing behind.", "Ctrl-C를 누르면 끝나고 아무것도 남지 않습니다."},
		{"demo.ends", "It ends by itself after {0}; Ctrl-C ends it at once. It leaves nothing behind.", "{0} 뒤에 저절로 끝나고, Ctrl-C를 누르면 바로 끝납니다. 아무것도 남지 않습니다."},
		{"demo.kept", "Its records stay in {0}.", "기록은 {0}에 남습니다."},
	}
}
