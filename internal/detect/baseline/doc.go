// Package baseline learns what is usual and finds what is not (stage 3, out-of-band).
//
// Whose: every authenticated device, every internal host whose flows a sensor sees, and
// every service by the roll-ups of the gates. For each of them it adds up an hour: how
// many flows, frames or requests, how many bytes, how many different peers (addresses
// and ports, rooms, paths), and which share failed. What the gateway refused of a
// device does not count: that was answered already.
//
// Against what: two questions at the end of each hour.
//
//   - Its own habit (habit.go): a centre and a deviation of each of the four for every
//     hour of the week, on a logarithmic scale, by updates that clip what lies more than
//     three deviations off and forget with a half-life of some weeks. Where an hour of
//     the week has not been seen four times, the hour of the day stands in, and before
//     that all hours. Only more than usual is asked about, and more failures.
//   - Everybody else (an isolation forest over the newest 4,096 hours of all): ten
//     features of the hour, so that what is unusual only together is seen as well. It is
//     asked about hours of 20 events and more in which something is two deviations above
//     the habit.
//
// When it tells: [Config.Alarms] a day is the budget, half for each question. The line is
// drawn by rank: so that in the last 14 days so many hours lay above it as the budget
// allows, and never below [Config.Deviations] or [Config.Score]. So a busy network raises
// the line, a quiet one gives fewer alarms than its budget or none, and no share of the
// traffic is unusual by assumption (F87).
//
// What it does not learn: hours that were told. If a change lasts for [Config.Accept]
// hours in a row, the old habit is forgotten and a new one learned. Nothing is told of
// anybody before he was known for [Config.Warm], nor against a habit of less than half of
// that. An hour in which nobody did anything is one in which the sensor slept,
// and teaches nothing; an hour in which only he did nothing teaches that.
//
// Findings are low, and medium where both questions agree: it is a belief about habits,
// not about an attack. The facts of a finding are what was observed, the most telling
// first; Observed is the deviations or the score, Threshold the line.
//
// Known false positives: the first day of a new job of work, moved offices, holidays.
//
// What it learned is saved and restored ([Detector.MarshalBinary]). It promises bounded
// memory: [Config.Subjects] of about 4.5 KiB, 1 KiB in their first hour; who finds no
// room is counted. It never decides, and knows no clock but that of the events.
package baseline
