// Package sources shows that memory stays flat however many sources there are: it
// pushes distinct clients through the pipeline with all shipped rules loaded and
// holds the heap to a cap.
//
//	go test ./bench/sources                                          # 300,000
//	go test ./bench/sources -run '^$' -bench . -benchtime 10000000x  # 10 million
//
// It stands outside the house and is no part of the program.
package sources
