package reconcile

import (
	"fmt"

	"linkd/pkg/plain"
)

// Field is one difference between a desired and an observed resource. Replace: the kernel cannot change the field in
// place. Moved: the desired value has changed because something else changed, so this is no drift. Mark: the field says
// who made the resource. Part: the field is a part of a list (Capabilities.Contents), so Have and Want alone tell what it is.
type Field struct {
	Path    string `json:"path"`
	Have    string `json:"have"`
	Want    string `json:"want"`
	Replace bool   `json:"-"`
	Moved   bool   `json:"-"`
	Mark    bool   `json:"-"`
	Part    bool   `json:"-"`
}

func (f Field) String() string {
	return fmt.Sprintf("%s: %s -> %s", f.Path, show(f.Have), show(f.Want))
}

// Strings returns the String of each field.
func Strings(fields []Field) []string {
	texts := make([]string, len(fields))
	for i, f := range fields {
		texts[i] = f.String()
	}
	return texts
}

// briefly returns the Strings of at most mostDifferences fields, and the number of those it left out.
func briefly(fields []Field) []string {
	if len(fields) <= mostDifferences {
		return Strings(fields)
	}
	const shown = mostDifferences - 1
	return append(Strings(fields[:shown]), fmt.Sprintf("and %d more", len(fields)-shown))
}

func show(value string) string {
	if value == "" {
		return "(none)"
	}
	return plain.Text(value)
}

// Fields collects differences.
type Fields []Field

// Compare adds a difference between two values, unless want is nil.
func Compare[T comparable](fs *Fields, path string, want *T, have T) {
	if want != nil && *want != have {
		fs.Differ(path, fmt.Sprint(have), fmt.Sprint(*want))
	}
}

// Differ adds a difference.
func (fs *Fields) Differ(path, have, want string) {
	*fs = append(*fs, Field{Path: path, Have: have, Want: want})
}

// DifferMark adds a difference in the field that says who made the resource.
func (fs *Fields) DifferMark(path, have, want string) {
	*fs = append(*fs, Field{Path: path, Have: have, Want: want, Mark: true})
}

// DifferReplace adds a difference that the kernel cannot change in place.
func (fs *Fields) DifferReplace(path, have, want string) {
	*fs = append(*fs, Field{Path: path, Have: have, Want: want, Replace: true})
}
