package catalogue

// draining are the texts about the servers behind HTTP services.
func draining() []text {
	return []text{
		{"cli.in_turn", "takes its turn", "순서대로 받음"},
		{"cli.draining", "drained", "새 요청 중단"},
		{"cli.servers_none", "No HTTP service has several servers (upstreams: in the configuration).", "서버가 여럿인 HTTP 서비스가 없습니다(설정의 upstreams)."},
		{"cli.drained", "{0} of {1} gets no new requests; haechi servers shows what it still has under way.", "{1}의 {0}에 새 요청을 보내지 않습니다. 처리 중인 요청은 haechi servers로 확인합니다."},
		{"cli.resumed", "{0} of {1} takes its turn again.", "{1}의 {0}이(가) 다시 요청을 받습니다."},
		{"head.server", "server", "서버"},
		{"head.turn", "new requests", "새 요청"},
		{"head.busy", "under way", "처리 중"},
	}
}
