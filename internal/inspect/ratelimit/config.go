package ratelimit

import (
	"time"

	"haechi"
	"haechi/internal/brick/gcra"
)

// Limit is one limit: one to three windows that are judged in one step.
type Limit struct {
	// Mode off does not count, shadow counts and reports what it would refuse.
	// Unset means enforce.
	Mode haechi.Mode
	// Rates are the windows. A limit without any is off.
	Rates []gcra.Rate
}

// Service holds the limits of one service.
type Service struct {
	Device  Limit
	Address Limit
	// Classes are the limits of requests by the class their route names.
	Classes map[string]Limit
	// Routes are the limits of routes that have their own, by name.
	Routes map[string]Limit
	// All limits the new connections of all clients together.
	All Limit
	// In and Out bound the bytes that one client sends and is sent, a second. Both
	// have the mode of Bytes; 0 is no bound.
	In, Out int64
	Bytes   haechi.Mode
	// Cost is of HTTP services: what a client may take up of the servers behind.
	Cost Spend
	// Pause is the longest time that a device over its limit, or bytes over theirs,
	// are asked to wait before they go on; beyond it they are refused. 0 refuses at
	// once.
	Pause time.Duration
}

// Config describes a [Limiter].
type Config struct {
	Services map[string]Service
	// Capacity is for how many clients each address and class limit has room; 0
	// means [DefaultCapacity]. DeviceCapacity is the same for devices; 0 means
	// [DefaultDeviceCapacity].
	Capacity, DeviceCapacity int
}

// The default capacities: 2 MiB for an address limit, 2.3 MiB for a device limit.
const (
	DefaultCapacity       = 131_072
	DefaultDeviceCapacity = 65_536
)

// Default returns the limits of the source documents: a device 300/min, 10,000/h
// and 100,000/day (A10, A11), an address 100/s (B58).
func Default() Service {
	return Service{
		Device: Limit{Rates: []gcra.Rate{
			{Events: 300, Per: time.Minute},
			{Events: 10_000, Per: time.Hour},
			{Events: 100_000, Per: 24 * time.Hour},
		}},
		Address: Limit{Rates: []gcra.Rate{{Events: 100, Per: time.Second}}},
		Pause:   time.Second,
	}
}
