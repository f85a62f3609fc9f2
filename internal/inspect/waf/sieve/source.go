package sieve

// source is where a value of a request comes from. A variable of SecLang is one or
// several of them.
type source uint8

const (
	fromMethod source = iota
	fromProtocol
	fromLine
	fromURI
	fromURIRaw
	fromFilename
	fromBasename
	fromQuery
	fromClient
	fromServerName
	fromProcessor
	fromBody
	fromBodyLength
	fromArgsSize
	fromFilesSize
	fromGet
	fromGetName
	fromPost
	fromPostName
	fromHeader
	fromHeaderName
	fromCookie
	fromCookieName
	fromFile
	fromFileField
	fromPartHeader
	fromPartName
	fromPartFilename
	fromXMLText
	fromXMLAttribute
	sources // how many there are
)

// sourcesOf names the sources of a target; false if the variable is not known here.
func sourcesOf(t *target) ([]source, bool) {
	switch t.name {
	case "ARGS":
		return []source{fromGet, fromPost}, true
	case "ARGS_GET":
		return []source{fromGet}, true
	case "ARGS_POST":
		return []source{fromPost}, true
	case "ARGS_NAMES":
		return []source{fromGetName, fromPostName}, true
	case "ARGS_GET_NAMES":
		return []source{fromGetName}, true
	case "ARGS_POST_NAMES":
		return []source{fromPostName}, true
	case "REQUEST_HEADERS":
		return []source{fromHeader}, true
	case "REQUEST_HEADERS_NAMES":
		return []source{fromHeaderName}, true
	case "REQUEST_COOKIES":
		return []source{fromCookie}, true
	case "REQUEST_COOKIES_NAMES":
		return []source{fromCookieName}, true
	}
	return partsOf(t)
}

func partsOf(t *target) ([]source, bool) {
	switch t.name {
	case "FILES":
		return []source{fromFile}, true
	case "FILES_NAMES":
		return []source{fromFileField}, true
	case "MULTIPART_PART_HEADERS":
		return []source{fromPartHeader}, true
	case "MULTIPART_NAME":
		return []source{fromPartName}, true
	case "MULTIPART_FILENAME":
		return []source{fromPartFilename}, true
	case "XML", "REQUEST_XML":
		switch t.key {
		case "/*":
			return []source{fromXMLText}, true
		case "//@*":
			return []source{fromXMLAttribute}, true
		}
		return nil, false
	}
	return singleOf(t.name)
}

func singleOf(name string) ([]source, bool) {
	switch name {
	case "REQUEST_METHOD":
		return []source{fromMethod}, true
	case "REQUEST_PROTOCOL":
		return []source{fromProtocol}, true
	case "REQUEST_LINE":
		return []source{fromLine}, true
	case "REQUEST_URI":
		return []source{fromURI}, true
	case "REQUEST_URI_RAW":
		return []source{fromURIRaw}, true
	case "REQUEST_FILENAME":
		return []source{fromFilename}, true
	case "REQUEST_BASENAME":
		return []source{fromBasename}, true
	case "QUERY_STRING":
		return []source{fromQuery}, true
	case "REMOTE_ADDR":
		return []source{fromClient}, true
	case "SERVER_NAME":
		return []source{fromServerName}, true
	case "REQBODY_PROCESSOR":
		return []source{fromProcessor}, true
	}
	return bodyOf(name)
}

func bodyOf(name string) ([]source, bool) {
	switch name {
	case "REQUEST_BODY":
		return []source{fromBody}, true
	case "REQUEST_BODY_LENGTH":
		return []source{fromBodyLength}, true
	case "ARGS_COMBINED_SIZE":
		return []source{fromArgsSize}, true
	case "FILES_COMBINED_SIZE":
		return []source{fromFilesSize}, true
	}
	return nil, false
}

// ofBody reports whether the source is empty until the body was read.
func (s source) ofBody() bool {
	return s >= fromProcessor && s <= fromFilesSize || s == fromPost || s == fromPostName || s >= fromFile
}

// single reports whether the source always has exactly one value.
func (s source) single() bool { return s <= fromFilesSize }

// constant is the value that a variable has in every request that is cleared: one in
// which nothing failed.
func constant(name string) (string, bool) {
	switch name {
	case "ARGUMENTS_LIMIT_REACHED", "URI_PARSE_ERROR", "REQBODY_ERROR", "REQBODY_PROCESSOR_ERROR", "URLENCODED_ERROR",
		"MULTIPART_DATA_AFTER", "MULTIPART_DUPLICATE_PART_HEADER", "MULTIPART_INVALID_QUOTING", "UNIQUE_ID", "DURATION",
		"FULL_REQUEST_LENGTH":
		return "0", true
	case "MULTIPART_STRICT_ERROR", "INBOUND_DATA_ERROR", "REQBODY_ERROR_MSG", "REQBODY_PROCESSOR_ERROR_MSG":
		return "", true
	}
	return "", false
}
