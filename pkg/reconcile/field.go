package reconcile

import (
	"fmt"

	"linkd/pkg/plain"
)

// Field is one difference. Replace: the kernel cannot change it in place. Moved: nobody undid anything, but what is
// wanted is another thing now, because something else has changed.
type Field struct {
	Path    string `json:"path"`
	Have    string `json:"have"`
	Want    string `json:"want"`
	Replace bool   `json:"-"`
	Moved   bool   `json:"-"`
}

func (f Field) String() string {
	return fmt.Sprintf("%s: %s -> %s", f.Path, show(f.Have), show(f.Want))
}

// Strings is the String of each.
func Strings(fields []Field) []string {
	said := make([]string, len(fields))
	for i, f := range fields {
		said[i] = f.String()
	}
	return said
}

// briefly is Strings of the first, where there are more than mostDifferences, and how many more there are.
func briefly(fields []Field) []string {
	if len(fields) <= mostDifferences {
		return Strings(fields)
	}
	const told = mostDifferences - 1
	return append(Strings(fields[:told]), fmt.Sprintf("and %d more", len(fields)-told))
}

func show(value string) string {
	if value == "" {
		return "(none)"
	}
	return plain.Text(value)
}

// Fields collects differences.
type Fields []Field

// Compare notes a difference between two values, unless want leaves it open.
func Compare[T comparable](fs *Fields, path string, want *T, have T) {
	if want != nil && *want != have {
		fs.Differ(path, fmt.Sprint(have), fmt.Sprint(*want))
	}
}

// Differ notes a difference.
func (fs *Fields) Differ(path, have, want string) {
	*fs = append(*fs, Field{Path: path, Have: have, Want: want})
}

// DifferReplace notes a difference that the kernel cannot change in place.
func (fs *Fields) DifferReplace(path, have, want string) {
	*fs = append(*fs, Field{Path: path, Have: have, Want: want, Replace: true})
}
