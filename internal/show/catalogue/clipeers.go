package catalogue

// cliPeers are the messages about decisions of other programs.
func cliPeers() []text {
	return []text{
		{"cli.imported", "Taken over: {0} new, {1} changed, {2} covered already; refused: {3}, left out: {4}.", "넘겨받음: 새로 {0}건, 변경 {1}건, 이미 포함 {2}건. 거부 {3}건, 제외 {4}건."},
		{"cli.would_import", "It would be: {0} new, {1} changed, {2} covered already; refused: {3}, left out: {4}. Nothing was changed.", "적용하면: 새로 {0}건, 변경 {1}건, 이미 포함 {2}건. 거부 {3}건, 제외 {4}건. 바뀐 것은 없습니다."},
		{"cli.import_takes_back", "To take all of it back: haechi decisions withdraw --all --from {0}", "모두 되돌리려면: haechi decisions withdraw --all --from {0}"},
		{"cli.import_none", "the list holds nobody to ban", "목록에 차단할 대상이 없습니다"},
		{"cli.import_refused", "{0} was not taken over: {1}", "{0}을(를) 넘겨받지 않았습니다: {1}"},
		{"cli.covered", "{0} is covered already by a decision of another program, for as long.", "{0}은(는) 다른 프로그램의 결정으로 이미 같은 기간 막혀 있습니다."},
		{"cli.handed_over", "{0}: {1}, handed over by {2}.", "{0}: {1}, {2}에서 넘겨받음."},
		{"cli.withdrawn", "Lifted, of {0}: {1}.", "{0}의 결정 {1}건을 해제했습니다."},
		{"cli.peer", "Decisions of {0}: {1} in force, the last taken over {2}.", "{0}의 결정: 적용 중 {1}개, 마지막으로 넘겨받은 시각 {2}."},
		{"usage.peer", "name the program, at most 64 letters, digits and . _ @ - /, for example fail2ban/sshd; it goes with neither --service nor --mode shadow", "프로그램 이름을 영문자, 숫자, . _ @ - / 64자까지로 적으세요. 예: fail2ban/sshd. --service, --mode shadow와는 함께 쓸 수 없습니다"},
		{"usage.all", "{0}: name a scope, or --all", "{0}: 대상을 적거나 --all을 쓰세요"},
	}
}
