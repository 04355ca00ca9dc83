package spec

// Syntax describes a value for the reference and the schema: one of the words, a number within the bounds, or a text
// that matches the pattern. Without these any text is valid. It accepts everything that the decoder accepts, and
// maybe more.
type Syntax struct {
	// Name is the name of such a value: "MAC address". Types with the same name have the same syntax.
	Name string
	// Doc describes the syntax in Markdown; it may be empty if the words are enough.
	Doc   string
	Words []string
	// Pattern is a regular expression for the whole text. It must mean the same in RE2 and ECMA 262.
	Pattern string
	// Min and Max limit a whole number. If both are 0, the value cannot be a number.
	Min, Max int64
	// List: a list of such values is valid, too.
	List bool
	// Selects: a list of texts, and a mapping of names to texts, are valid, too.
	Selects bool
	// Bool: the value is true or false, and nothing else in this syntax counts. It is for a struct with a short form.
	Bool bool
}

// Number reports whether the value can be a whole number.
func (s Syntax) Number() bool { return s.Min != 0 || s.Max != 0 }

// Described is a type that describes its syntax. A type that decodes itself (NodeDecoder, WordDecoder) must implement
// it, unless it is a struct that is always a mapping. A struct with keys that is also Described has both forms.
type Described interface{ Syntax() Syntax }

// IPPattern and CIDRPattern match what looks like an IP address, the latter with or without a prefix length. They
// distinguish an address from a word, not a valid address from an invalid one.
const (
	IPPattern   = "([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)"
	CIDRPattern = IPPattern + "(/[0-9]{1,3})?"
)
