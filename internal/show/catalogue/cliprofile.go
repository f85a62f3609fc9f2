package catalogue

// profiling are the messages about device profiles.
func profiling() []text {
	return []text{
		{"cli.profile_good", "{0} is good: the profile {1}.", "{0}에 문제가 없습니다. 프로필 {1}."},
		{"cli.judged_accepted", "accepted", "통과"},
		{"cli.judged_handshake", "accepted: the handshake", "통과: 핸드셰이크"},
		{"cli.judged_duplicate", "dropped: the very same frame again", "버림: 똑같은 프레임이 다시 옴"},
		{"cli.judged_refused", "refused, {0}: {1}", "거부, {0}: {1}"},
		{"cli.not_wanted", "not what the recording wants", "기록이 바라는 결과와 다름"},
		{"cli.recording", "Frames: {0}, accepted: {1}, refused: {2}.", "프레임 {0}개: 통과 {1}개, 거부 {2}개."},
		{"usage.profile_keys", "{0}: --keys is required with --frames", "{0}: --frames에는 --keys가 필요합니다"},
		{"head.profile", "profile", "프로필"},
		{"head.speaks", "for", "용도"},
		{"head.frame", "frame", "프레임"},
		{"head.line", "line", "줄"},
		{"head.result", "result", "결과"},
	}
}
