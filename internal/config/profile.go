package config

import (
	"reflect"
	"slices"
	"strings"

	"haechi"
)

// Profile is one loaded device profile.
type Profile struct {
	haechi.Profile
	About string // one line for a person
	raw   *rawProfile
}

// LoadProfile reads a profile, as [Load] reads a configuration: path is only for
// messages, and the answer is the profile or everything that is wrong with it.
func LoadProfile(path string, src []byte) (*Profile, *Errors) {
	r := &report{path: path}
	text, ok := r.guard(src)
	if !ok {
		return nil, r.errors()
	}
	body, ok := r.parse(text)
	if !ok {
		return nil, r.errors()
	}
	d := &decoder{report: r, set: map[string]mark{}, failed: map[string]bool{}}
	raw := defaultProfile()
	d.value(body, reflect.ValueOf(&raw).Elem(), "", &field{})
	v := &profileValidator{validator: validator{decoder: d}, p: &raw}
	v.profile()
	if errs := r.errors(); errs != nil {
		return nil, errs
	}
	return &Profile{Profile: compileProfile(&raw), About: raw.About, raw: &raw}, nil
}

// YAML writes the profile with every default in it. It loads again to the same
// profile.
func (p *Profile) YAML() []byte {
	var b strings.Builder
	block(&b, reflect.ValueOf(p.raw).Elem(), "")
	return []byte(b.String())
}

// block writes the keys of a struct, one a line and lists of structs with dashes.
func block(b *strings.Builder, v reflect.Value, indent string) {
	for _, f := range fieldsOf(v.Type()) {
		value := v.Field(f.index)
		if f.omitEmpty && (value.IsZero() || (value.Kind() == reflect.Map || value.Kind() == reflect.Slice) && value.Len() == 0) {
			continue
		}
		entryOf(b, str(f.name, true), value, indent)
	}
}

func entryOf(b *strings.Builder, name string, v reflect.Value, indent string) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case v.Kind() == reflect.Struct && !isText(v):
		b.WriteString(indent + name + ":\n")
		block(b, v, indent+"  ")
	case v.Kind() == reflect.Map:
		b.WriteString(indent + name + ":\n")
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
		for _, k := range keys {
			elem := reflect.New(v.Type().Elem()).Elem()
			elem.Set(v.MapIndex(k))
			entryOf(b, str(k.String(), false), elem, indent+"  ")
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		b.WriteString(indent + name + ":\n")
		for i := range v.Len() {
			b.WriteString(indent + "  -\n")
			block(b, v.Index(i), indent+"    ")
		}
	default:
		b.WriteString(indent + name + ": " + flow(v, v.Kind() == reflect.Int && !isText(v)) + "\n")
	}
}
