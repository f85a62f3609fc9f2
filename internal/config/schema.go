package config

import (
	"encoding/json"
	"strings"

	"github.com/invopop/jsonschema"
)

// Schema is the JSON Schema (draft 2020-12) of the file, for editors. What loads is
// decided by Load: the schema says less.
func Schema() []byte {
	r := jsonschema.Reflector{FieldNameTag: "yaml", RequiredFromJSONSchemaTags: true, DoNotReference: true, Anonymous: true}
	s := r.Reflect(&rawFile{})
	s.Title = "haechi.yaml"
	s.Description = "Configuration of the Haechi security gateway."
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil { // the schema is built from this package's types alone; a test prints it
		return []byte("{}\n")
	}
	return append(out, '\n')
}

func textSchema(pattern string, examples ...any) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: pattern, Examples: examples}
}

// JSONSchema implements the schema library's interface.
func (duration) JSONSchema() *jsonschema.Schema {
	return textSchema(`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$|^[0-9]+[dw]$|^0$`, "90s", "5m", "30d")
}

// JSONSchema implements the schema library's interface.
func (size) JSONSchema() *jsonschema.Schema {
	units := make([]string, 0, len(sizeUnits()))
	for _, u := range sizeUnits() {
		units = append(units, u.name)
	}
	return textSchema(`^[0-9]+ ?(`+strings.Join(units, "|")+`)$`, "64KiB", "100MiB")
}

// JSONSchema implements the schema library's interface.
func (rate) JSONSchema() *jsonschema.Schema {
	return textSchema(`^[1-9][0-9_]*/[a-z0-9.]+( burst [1-9][0-9_]*)?$`, "300/min", "5/s burst 10")
}

// JSONSchema implements the schema library's interface.
func (hours) JSONSchema() *jsonschema.Schema {
	return textSchema(`^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$`, "02:00-06:00")
}

// JSONSchema implements the schema library's interface.
func (parameter) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Examples: []any{20, 0.5, "90s", "100MiB"}}
}

// JSONSchema implements the schema library's interface.
func (zone) JSONSchema() *jsonschema.Schema { return textSchema("", "Asia/Seoul", "UTC", "Local") }

// JSONSchema implements the schema library's interface.
func (network) JSONSchema() *jsonschema.Schema {
	return textSchema(`^[0-9a-fA-F:.]+(/[0-9]{1,3})?$`, "203.0.113.10", "10.0.0.0/8")
}

// JSONSchema implements the schema library's interface.
func (listen) JSONSchema() *jsonschema.Schema {
	return textSchema(`^$|^[^ ]*:[0-9]{1,5}$`, ":443", "127.0.0.1:9443")
}
