package sieve

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strings"

	"haechi/internal/inspect/waf"
)

// parts is the memory for reading multipart bodies.
type parts struct{ field []byte }

// walkMultipart judges the fields, files and part headers of a multipart body. Only
// parts that everybody reads the same way are judged here.
func (r *run) walkMultipart(v *waf.View) {
	kind, params, err := mime.ParseMediaType(contentTypeOf(v))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		r.ask(0, "a multipart body without a proper type")
		return
	}
	r.see(fromBody, nil, nil)
	r.number(fromBodyLength, 0)
	reader, total := multipart.NewReader(bytes.NewReader(v.Body), params["boundary"]), 0
	for !r.stop {
		p, err := reader.NextPart()
		if errors.Is(err, io.EOF) && err == io.EOF {
			break
		}
		if err != nil {
			r.ask(0, "a broken multipart body")
			return
		}
		n, ok := r.part(p)
		if !ok {
			r.ask(0, "a multipart body that can be read in several ways")
			return
		}
		total += n
	}
	r.number(fromFilesSize, total)
}

func contentTypeOf(v *waf.View) string {
	for i := range v.Headers {
		if strings.EqualFold(v.Headers[i].Name, "content-type") {
			return v.Headers[i].Value
		}
	}
	return ""
}

// part judges one part and returns its length; false if it is out of the ordinary.
func (r *run) part(p *multipart.Part) (int, bool) {
	name := []byte(p.FormName())
	if !r.partHeaders(p.Header, name) {
		return 0, false
	}
	disposition := p.Header.Get("Content-Disposition")
	_, params, err := mime.ParseMediaType(disposition)
	if err != nil || strings.ContainsAny(disposition, `*\`) {
		return 0, false
	}
	r.see(fromPartName, name, name)
	file := params["filename"]
	if file == "" {
		return r.field(p, name)
	}
	r.see(fromPartFilename, name, []byte(file))
	n, err := io.Copy(io.Discard, p)
	if err != nil {
		return 0, false
	}
	r.see(fromFile, nil, []byte(file))
	r.see(fromFileField, nil, name)
	return int(n), true
}

func (r *run) field(p *multipart.Part, name []byte) (int, bool) {
	b := bytes.NewBuffer(r.multipart.field[:0])
	_, err := b.ReadFrom(p)
	r.multipart.field = b.Bytes()
	if r.args++; err != nil || r.args >= r.s.settings.arguments {
		return 0, false
	}
	r.argument(fromPost, fromPostName, name, b.Bytes())
	return b.Len(), true
}

// partHeaders judges the header fields of a part; false if one occurs twice.
func (r *run) partHeaders(header textproto.MIMEHeader, name []byte) bool {
	for key, values := range header {
		if len(values) != 1 {
			return false
		}
		r.buf = append(append(append(r.buf[:0], key...), ": "...), values[0]...)
		r.see(fromPartHeader, name, r.buf)
	}
	return true
}
