// Package usual learns what is usual of one amount for each hour of the day, robustly: a
// centre and a deviation on a logarithmic scale, by updates that clip what lies far off.
// It is a brick: it knows hours and amounts, nothing else.
//
// It promises that one outlier, however large, moves what is usual by three deviations at
// most in the weight of one hour, and that it forgets with a half-life of some weeks.
package usual
