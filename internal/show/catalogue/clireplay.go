package catalogue

// comparing are what `haechi replay --diff` says.
func comparing() []text {
	return []text{
		{"cli.compared", "With these rules: {0} gained, {1} lost, {2} told otherwise, {3} the same.", "이 규칙을 쓰면 새로 탐지 {0}건, 사라짐 {1}건, 달라짐 {2}건, 그대로 {3}건입니다."},
		{"diff.gained", "gained", "새로 탐지"},
		{"diff.lost", "lost", "사라짐"},
		{"diff.changed", "changed", "달라짐"},
		{"differs.severity", "severity", "심각도"},
		{"differs.mode", "mode", "모드"},
		{"differs.action", "action", "조치"},
		{"differs.for", "for", "기간"},
		{"differs.score", "score", "점수"},
		{"differs.threshold", "threshold", "기준값"},
		{"differs.detected", "told first at", "첫 탐지 시각"},
		{"differs.observed", "observed", "관측값"},
		{"usage.diff_files", "--diff compares what is found in files: name captures or logs, without --since and --hellos", "--diff는 파일에서 탐지된 것을 비교합니다. --since와 --hellos 없이 캡처나 로그 파일을 지정하세요"},
	}
}
