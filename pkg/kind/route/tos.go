package route

import (
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

// TOS is a type of service.
type TOS uint8

func (t TOS) String() string { return fmt.Sprintf("%#x", uint8(t)) }

// DecodeWord reads a number, decimal or with 0x. The kernel refuses the two bits of ECN (inet_validate_dscp in net/inet_dscp.h).
func (t *TOS) DecodeWord(word string) error {
	digits, base := word, 10
	if hex, is := strings.CutPrefix(word, "0x"); is {
		digits, base = hex, 16
	}
	number, err := strconv.ParseUint(digits, base, 8)
	if err != nil || number == 0 || number&3 != 0 {
		return fmt.Errorf("%q is no type of service: a multiple of 4 up to 252, decimal or with 0x", word)
	}
	*t = TOS(number)
	return nil
}

// EncodeNode writes a number.
func (t TOS) EncodeNode() *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: t.String()}
}

func (TOS) Syntax() spec.Syntax {
	return spec.Syntax{
		Name: "type of service", Doc: "A multiple of 4 from 4 to 252, decimal or with `0x`: the DSCP, shifted by two bits.",
		Pattern: "^(0x[0-9A-Fa-f]{1,2}|[0-9]{1,3})$",
	}
}
