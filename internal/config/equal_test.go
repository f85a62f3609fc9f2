package config_test

import (
	"net/netip"
	"time"
)

func samePrefix(a, b netip.Prefix) bool { return a == b }

func sameZone(a, b *time.Location) bool { return a.String() == b.String() }
