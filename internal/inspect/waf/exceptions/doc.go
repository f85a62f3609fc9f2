// Package exceptions keeps the exceptions from the WAF that operators made while the
// gateway runs (stage 3).
//
// It promises that what is listed is what the WAF is given; that an exception is durable
// before it counts, and gone from the records before it ends; that it counts from the next
// request on, without a restart; and that there are at most [Max]. It never judges a
// request and never writes an audit entry: whoever asks it does.
package exceptions
