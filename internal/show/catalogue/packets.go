package catalogue

// packets are the texts about packets that are kept of whom is watched closely.
func packets() []text {
	return []text{
		{"cli.packets_none", "No packets are kept: no incident of severity high was told of, or no interface is read (sensor.interfaces).", "보관 중인 패킷이 없습니다. 심각도 high 이상의 사건이 없었거나 읽는 인터페이스가 없습니다(sensor.interfaces)."},
		{"cli.packets_written", "{0} packets of {1} are in {2}.", "{1}의 패킷 {0}개를 {2}에 저장했습니다."},
		{"head.incident", "incident", "사건"},
		{"head.packets_seen", "packets", "패킷"},
		{"head.packets_kept", "kept", "보관"},
	}
}
