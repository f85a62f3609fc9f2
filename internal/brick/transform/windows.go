package transform

import "strings"

// normalizePathWin reads a path as Windows does: either slash, the name of a data
// stream cut off, dots and spaces at the end of each part as well.
func normalizePathWin(path string) string {
	if path == "" {
		return ""
	}
	clean := cutStream(normalizePath(strings.ReplaceAll(path, `\`, "/")))
	parts := strings.Split(clean, "/")
	kept, changed := parts[:0], false
	for _, part := range parts {
		if strings.Trim(part, ".") == "" {
			kept = append(kept, part)
			continue
		}
		short := strings.TrimRight(part, ". ")
		changed = changed || short != part
		if short != "" {
			kept = append(kept, short)
		}
	}
	if !changed {
		return clean
	}
	return strings.Join(kept, "/")
}

// cutStream cuts the last part at its first colon, but for a drive's.
func cutStream(path string) string {
	drive, end := "", ""
	if len(path) >= 2 && path[1] == ':' && 'a' <= path[0]|0x20 && path[0]|0x20 <= 'z' {
		drive, path = path[:2], path[2:]
	}
	if strings.HasSuffix(path, "/") {
		end, path = "/", path[:len(path)-1]
	}
	last := strings.LastIndexByte(path, '/') + 1
	if at := strings.IndexByte(path[last:], ':'); at >= 0 {
		path = path[:last+at]
	}
	return drive + path + end
}
