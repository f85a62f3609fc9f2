package sieve

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"haechi/internal/inspect/waf"
)

// body reads the body as the rules want it read, and judges what it holds.
func (r *run) body(v *waf.View) {
	body := v.Body
	if len(body) >= r.s.settings.body {
		r.ask(0, "the body is as long as the limit")
		return
	}
	if len(body) == 0 || !r.s.settings.access {
		r.noBody()
		return
	}
	if r.processor == "" && r.forced {
		r.processor = "URLENCODED"
	}
	switch r.processor {
	case "":
		r.noBody()
	case "URLENCODED":
		r.form(body, fromPost, fromPostName)
		r.see(fromBody, nil, body)
		r.number(fromBodyLength, len(body))
		r.number(fromFilesSize, 0)
	case "JSON":
		r.noBody()
		r.walkJSON(body)
	case "MULTIPART":
		r.walkMultipart(v)
	case "XML":
		r.noBody()
		r.walkXML(body)
	default:
		r.ask(0, "another kind of body")
	}
}

// noBody judges the variables of a body that is not kept as text.
func (r *run) noBody() {
	r.see(fromBody, nil, nil)
	r.number(fromBodyLength, 0)
	r.number(fromFilesSize, 0)
}

// walkXML judges texts and attributes as the oracle's own decoder finds them.
func (r *run) walkXML(body []byte) {
	dec := xml.NewDecoder(bytes.NewReader(body))
	dec.Strict, dec.AutoClose, dec.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for !r.stop {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			r.ask(0, "a broken XML body")
			return
		}
		switch t := token.(type) {
		case xml.StartElement:
			for _, a := range t.Attr {
				r.see(fromXMLAttribute, nil, []byte(a.Value))
			}
		case xml.CharData:
			if text := strings.TrimSpace(string(t)); text != "" {
				r.see(fromXMLText, nil, []byte(text))
			}
		}
	}
}
