package spec

// Syntax says what a value may be, for the reference and the schema: any of the words, a number within the bounds, a
// text that matches the pattern. With none of these it may be any text. It promises less than the decoder checks, never
// more.
type Syntax struct {
	// Name is what such a value is called: "MAC address". Types that share a name are written in the same way.
	Name string
	// Doc says how it is written, in Markdown; it may be left out where the words say all.
	Doc   string
	Words []string
	// Pattern is a regular expression of the whole text. It has to mean the same in RE2 and ECMA 262.
	Pattern string
	// Min and Max bound a whole number. It cannot be one where both are 0.
	Min, Max int64
	// List allows a list of such values as well.
	List bool
}

// Number tells whether the value can be a whole number.
func (s Syntax) Number() bool { return s.Min != 0 || s.Max != 0 }

// Described is a type that says how its values are written: what reads itself (NodeDecoder, WordDecoder) has to, except
// for a struct that is read as a mapping only. A struct whose fields are keys and that is Described takes either form.
type Described interface{ Syntax() Syntax }

// IPPattern and CIDRPattern match what looks like an IP address, the latter with or without a length: they tell one
// from a word, not a right one from a wrong one.
const (
	IPPattern   = "([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)"
	CIDRPattern = IPPattern + "(/[0-9]{1,3})?"
)
