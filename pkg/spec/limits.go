package spec

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// maxTotalSize limits all files together, in bytes. Compiling takes up to about 80 bytes of memory per byte.
const maxTotalSize = 16 << 20

// maxFileSize limits one file, in bytes.
const maxFileSize = maxTotalSize

var (
	errTooLarge = fmt.Errorf("the file is larger than %d MiB", maxFileSize>>20)
	errTogether = fmt.Errorf("the files up to this one are larger than %d MiB together, and linkd reads no more: remove what is not needed", maxTotalSize>>20)
)

// boundTotal refuses each file with which the total would exceed maxTotalSize.
func boundTotal(files []File) []File {
	files = slices.Clone(files)
	room := maxTotalSize
	for i, f := range files {
		switch {
		case f.Err != nil:
		case len(f.Text) > maxFileSize:
			files[i] = File{Path: f.Path, Err: errTooLarge}
		case len(f.Text) > room:
			files[i] = File{Path: f.Path, Err: errTogether}
		default:
			room -= len(f.Text)
		}
	}
	return files
}

// maxValues limits the lines and list items of a file, because a node takes more memory than its bytes. A file of 16
// MiB with links has fewer.
const maxValues = 1_000_000

// checkText refuses text that YAML would read differently from what its author means, and text that would take long
// to parse. Line and column are the position of the error, if it has one.
func checkText(text []byte) (line, column int, err error) {
	switch {
	case len(text) > maxFileSize:
		return 0, 0, errTooLarge
	case bytes.HasPrefix(text, []byte{0xff, 0xfe}), bytes.HasPrefix(text, []byte{0xfe, 0xff}):
		return 1, 1, errors.New("the file is UTF-16; write it as UTF-8")
	case !utf8.Valid(text):
		line, column = positionOf(text, invalidAt(text))
		return line, column, errors.New("the file is not UTF-8 here")
	case bytes.IndexByte(text, 0) >= 0:
		line, column = positionOf(text, bytes.IndexByte(text, 0))
		return line, column, errors.New("the file holds a NUL byte")
	case controlAt(text) < len(text):
		at := controlAt(text)
		r, _ := utf8.DecodeRune(text[at:])
		line, column = positionOf(text, at)
		return line, column, fmt.Errorf("the file holds the control character %U: write it as an escape in double quotes", r)
	case bytes.Count(text, []byte("\n"))+bytes.Count(text, []byte(",")) > maxValues:
		return 0, 0, fmt.Errorf("the file has more than %d lines and list items: split it", maxValues)
	case deepest(text) > maxDepth:
		return 0, 0, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	return 0, 0, nil
}

// positionOf returns the line, and the column in characters, of a byte.
func positionOf(text []byte, offset int) (line, column int) {
	start := 0
	for line = 1; ; line++ {
		end := lineEnd(text[:offset], start)
		width := breakAt(text, end)
		if end+width > offset || end >= offset {
			return line, 1 + utf8.RuneCount(text[start:offset])
		}
		start = end + width
	}
}

func invalidAt(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(text)
}

// controlAt returns the place of the first character that YAML does not allow (yaml_parser_update_buffer in readerc.go of
// yaml.v3), or the length of the text.
func controlAt(text []byte) int {
	for i, r := range string(text) {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r >= 0x7f && r < 0xa0 && r != 0x85 || r == 0xfffe || r == 0xffff {
			return i
		}
	}
	return len(text)
}

// maxDepth is far above what the language needs; the parser's own limit of 10,000 takes seconds to reach.
const maxDepth = 64

// deepest returns a cheap upper bound of the nesting depth: flow brackets, and the "- - -" of compact sequences.
func deepest(text []byte) int {
	deep, open := 0, 0
	for line := range bytes.Lines(text) {
		dashes := 0
		for rest := bytes.TrimLeft(line, " "); bytes.HasPrefix(rest, []byte("- ")) || bytes.HasPrefix(rest, []byte("? ")); rest = bytes.TrimLeft(rest[1:], " ") {
			dashes++
		}
		for _, c := range line {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(open-1, 0)
			}
			deep = max(deep, open)
		}
		deep = max(deep, dashes)
	}
	return deep
}
