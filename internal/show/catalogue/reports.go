package catalogue

// reporting are the texts about reports.
func reporting() []text {
	return []text{
		{"reports.lead", "Each report names the time it covers. Those called document-… run the original queries unchanged, in UTC.", "보고서마다 대상 기간을 밝힙니다. document-로 시작하는 보고서는 원래 쿼리를 그대로 UTC로 실행합니다."},
		{"reports.empty", "Nothing to report in this time.", "이 기간에는 보고할 내용이 없습니다."},
		{"reports.daily", "Devices that failed: those with more than 10 failures or any wrong signature, and what they did.", "실패한 기기: 실패가 10건을 넘거나 잘못된 서명이 있는 기기와 그 활동입니다."},
		{"reports.hourly", "How busy the devices are at each hour of the day, the last 7 days added up: frames and failed authentications. HTTP requests are not among them.", "하루 중 시간대별 기기 활동입니다. 최근 7일의 프레임과 인증 실패를 더했습니다. HTTP 요청은 포함하지 않습니다."},
		{"reports.ips", "From which addresses connections came, and how many failed.", "연결한 주소와 실패 횟수입니다."},
		{"reports.devices", "Every registered device and what it did, idle ones too.", "등록된 모든 기기와 그 활동입니다. 쉬는 기기도 포함합니다."},
		{"reports.csp", "What browsers said that broke a site's content security policy, the last 7 days. Anybody can send such a report.", "최근 7일 동안 브라우저가 보고한 콘텐츠 보안 정책 위반입니다. 이런 보고는 누구나 보낼 수 있습니다."},
		{"reports.failures", "The ten clients that failed most in the last 5 minutes and the last hour: proofs, logins, and what was refused.", "최근 5분과 1시간 동안 가장 많이 실패한 클라이언트 10개입니다. 인증·로그인 실패와 거부된 요청을 셉니다."},
		{"reports.queries", "How many database queries there were.", "데이터베이스 쿼리 건수입니다."},
	}
}
