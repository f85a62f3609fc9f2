package rules

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The parameters of a detector are the fields of its Config: a struct of times, whole
// numbers, numbers, yes or no, and lists of words. A field's name is its parameter's in
// snake case. Tags of the field narrow it:
//
//	unit:"bytes"           an amount, "100MiB"
//	unit:"share"           0 to 1, or "80%"
//	least:"1s" most:"24h"  its range, spelled as the parameter is

// put sets the parameters that are given and notes every error.
func (c *compiler) put(cfg reflect.Value, at string, given map[string]any) {
	t := cfg.Type()
	fields := map[string]int{}
	for i := range t.NumField() {
		fields[parameterName(t.Field(i))] = i
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		i, ok := fields[name]
		if !ok {
			c.Fail(at+"."+name, "there is no such parameter; there are%s", parameterNames(cfg.Interface()))
			continue
		}
		if err := set(cfg.Field(i), t.Field(i).Tag, given[name]); err != nil {
			c.Fail(at+"."+name, "%v", err)
		}
	}
}

// parameterName is the field's name in snake case: "PerMinute" is "per_minute".
func parameterName(f reflect.StructField) string {
	var b strings.Builder
	for i, r := range f.Name {
		if unicode.IsUpper(r) && i > 0 && !unicode.IsUpper(rune(f.Name[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func set(v reflect.Value, tag reflect.StructTag, given any) error {
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		return setTime(v, tag, given)
	case v.CanInt():
		return setInt(v, tag, given)
	case v.CanFloat():
		return setFloat(v, tag, given)
	case v.Kind() == reflect.Bool:
		text := fmt.Sprint(given)
		if text != "true" && text != "false" {
			return fmt.Errorf("%v is neither true nor false", given)
		}
		v.SetBool(text == "true")
		return nil
	case v.Type() == reflect.TypeFor[[]string]():
		return setWords(v, given)
	}
	return fmt.Errorf("a parameter of type %s cannot be written", v.Type())
}

func setTime(v reflect.Value, tag reflect.StructTag, given any) error {
	text, ok := given.(string)
	d, err := span(text)
	if !ok || err != nil {
		return fmt.Errorf("%v is no time; write a number with its unit, for example 90s, 5m, 12h or 30d", given)
	}
	low, high := time.Millisecond, 31*24*time.Hour
	bound(tag, func(text string) time.Duration { d, _ := span(text); return d }, &low, &high)
	if d < low || d > high {
		return fmt.Errorf("%s is out of range: %v to %v", text, low, high)
	}
	v.SetInt(int64(d))
	return nil
}

// span is a time as it is written; days may be written as well.
func span(text string) (time.Duration, error) {
	if n, ok := strings.CutSuffix(text, "d"); ok {
		days, err := strconv.ParseUint(n, 10, 12)
		return time.Duration(days) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}

func setInt(v reflect.Value, tag reflect.StructTag, given any) error {
	low, high, read, what := int64(0), int64(1_000_000_000), whole, "no whole number"
	if tag.Get("unit") == "bytes" {
		high, read, what = 1<<50, amount, "no amount; write a whole number with its unit, for example 64KiB or 100MiB"
	}
	bound(tag, func(text string) int64 { n, _ := read(text); return n }, &low, &high)
	n, ok := read(fmt.Sprint(given))
	if !ok {
		return fmt.Errorf("%v is %s", given, what)
	}
	if n < low || n > high || v.OverflowInt(n) {
		return fmt.Errorf("%v is out of range: %d to %d", given, low, high)
	}
	v.SetInt(n)
	return nil
}

func whole(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// amount reads bytes; the units that others end in come last.
func amount(text string) (int64, bool) {
	for _, u := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}} {
		if n, ok := strings.CutSuffix(text, u.name); ok {
			v, err := strconv.ParseInt(n, 10, 64)
			return v * u.bytes, err == nil && v >= 0 && v <= math.MaxInt64/u.bytes
		}
	}
	return 0, false
}

func setFloat(v reflect.Value, tag reflect.StructTag, given any) error {
	low, high := 0.0, 1e9
	if tag.Get("unit") == "share" {
		high = 1
	}
	bound(tag, func(text string) float64 { n, _ := number(text); return n }, &low, &high)
	n, ok := number(fmt.Sprint(given))
	if !ok {
		return fmt.Errorf("%v is no number", given)
	}
	if !(n >= low && n <= high) {
		return fmt.Errorf("%v is out of range: %v to %v", given, low, high)
	}
	v.SetFloat(n)
	return nil
}

// number reads a number; a hundredth of it where it is written with a %.
func number(text string) (float64, bool) {
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(digits, 64)
	if percent {
		n /= 100
	}
	return n, err == nil
}

func setWords(v reflect.Value, given any) error {
	list, ok := given.([]any)
	if text, one := given.(string); one { // the configuration file has texts only
		for word := range strings.SplitSeq(text, ",") {
			list = append(list, strings.TrimSpace(word))
		}
	} else if !ok {
		return fmt.Errorf("%v is no list; write [one, another]", given)
	}
	const most = 1000
	if len(list) > most {
		return fmt.Errorf("%d words are too many: at most %d", len(list), most)
	}
	words := make([]string, len(list))
	for i, w := range list {
		if words[i], ok = w.(string); !ok || words[i] == "" {
			return fmt.Errorf("%v is no word", w)
		}
	}
	v.Set(reflect.ValueOf(words))
	return nil
}

func bound[T any](tag reflect.StructTag, read func(string) T, low, high *T) {
	if text := tag.Get("least"); text != "" {
		*low = read(text)
	}
	if text := tag.Get("most"); text != "" {
		*high = read(text)
	}
}

// spell writes the parameters as they are in force, in the order of the fields.
func spell(cfg reflect.Value) []string {
	out := make([]string, cfg.NumField())
	for i := range out {
		f := cfg.Type().Field(i)
		value := fmt.Sprint(cfg.Field(i).Interface())
		if f.Tag.Get("unit") == "bytes" {
			value += "B"
		}
		out[i] = parameterName(f) + ": " + value
	}
	return out
}
