package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// field is what the tags of a raw field say.
type field struct {
	index     int
	name      string
	omitEmpty bool
	only      string // kinds of service, or ""
	least     string // of a duration or size
	most      string
	choices   []string
	minimum   *float64
	maximum   *float64
	maxItems  int
}

// fieldsOf reads the tags of a raw struct, in order.
func fieldsOf(t reflect.Type) []field {
	out := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		name, option, _ := strings.Cut(tag.Get("yaml"), ",")
		f := field{index: i, name: name, omitEmpty: option == "omitempty", only: tag.Get("only"),
			least: tag.Get("least"), most: tag.Get("most")}
		f.bounds(tag.Get("jsonschema"))
		out = append(out, f)
	}
	return out
}

// serves reports whether the field is of use for the kind of service.
func (f *field) serves(kind string) bool {
	return f.only == "" || slices.Contains(strings.Fields(f.only), kind)
}

func (f *field) bounds(tag string) {
	for part := range strings.SplitSeq(tag, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "enum":
			f.choices = append(f.choices, value)
		case "minimum":
			f.minimum = number(value)
		case "maximum":
			f.maximum = number(value)
		case "maxItems":
			f.maxItems, _ = strconv.Atoi(value)
		}
	}
}

func number(text string) *float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil
	}
	return &v
}

func names(fields []field) []string {
	out := make([]string, len(fields))
	for i := range fields {
		out[i] = fields[i].name
	}
	return out
}
