package catalogue

// cli are texts of the command line that no page has.
func cli() []text {
	return []text{
		{"cli.next", "Next: {0}", "다음: {0}"},
		{"cli.done", "done", "완료"},
		{"cli.nothing", "nothing to show", "표시할 내용이 없습니다"},
		{"cli.link", "Open this link once, within {0}: {1}", "{0} 안에 이 링크를 한 번 여세요: {1}"},
		{"cli.not_running", "The gateway is not running.", "게이트웨이가 실행 중이 아닙니다."},
		{"cli.since", "since {0}", "{0}부터"},
		{"cli.window", "window: {0}", "기간: {0}"},
		{"cli.in_force", "{0} decisions in force", "적용 중인 결정 {0}개"},
		{"cli.waiting", "{0} devices wait for approval", "승인 대기 기기 {0}개"},
		{"cli.audit_whole", "the audit chain of {0} entries is whole", "{0}개 항목의 감사 체인에 이상이 없습니다"},
		{"cli.backup", "backup written to {0}", "{0}에 백업을 저장했습니다"},
		{"cli.reloaded", "configuration reloaded", "설정을 다시 불러왔습니다"},
	}
}
