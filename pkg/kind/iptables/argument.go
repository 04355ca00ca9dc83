package iptables

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"

	"linkd/pkg/spec"
)

// argument is one argument of a rule.
type argument struct {
	text string
	src  spec.Source
}

// DecodeNode decodes and checks a word.
func (a *argument) DecodeNode(c *spec.Context, n *yaml.Node) error {
	a.src = c.At(n).Source()
	if !c.Decode(n, &a.text) {
		return nil
	}
	return checkWord(a.text)
}

func (argument) Syntax() spec.Syntax {
	return spec.Syntax{
		Name:    "argument",
		Doc:     "A word of a rule. An option and its value are two, `\"!\"` stands in quotes, and no word holds a `\"` or a `\\`.",
		Pattern: `^[^"\\]+$`,
		Min:     0, Max: math.MaxInt64,
	}
}

// checkWord rejects a word that would not stay one argument of one rule: a word that iptables-restore, or a program that reads
// iptables-save's output, would misread, and an option that makes the line a command other than one to append a rule.
func checkWord(word string) error {
	switch {
	case word == "":
		return errors.New(`an argument is empty; an exclamation mark stands in quotes: "!"`)
	case len(word) > longestWord:
		return fmt.Errorf("an argument has %d bytes; iptables-restore takes %d", len(word), longestWord)
	case strings.ContainsFunc(word, unicode.IsControl):
		return fmt.Errorf("argument %q: iptables-restore reads lines, so no control character can be in a rule", word)
	case strings.ContainsAny(word, `"\`):
		return fmt.Errorf(`argument %q: what holds a " or a \ cannot be read back from iptables-save for sure`, word)
	case strings.HasPrefix(word, ownMark):
		return fmt.Errorf("%q begins like linkd's own mark", word)
	case strings.HasPrefix(word, "--"):
		return checkLong(word)
	case strings.HasPrefix(word, "-"):
		return checkShort(word)
	}
	return nil
}

// shortOptions are the options of iptables(8) that say what a rule matches or does. All others are commands, or change what
// iptables prints or does.
const shortOptions = "psdijogmf"

func checkShort(word string) error {
	switch {
	case len(word) < 2 || !strings.ContainsRune(shortOptions, rune(word[1])):
		return fmt.Errorf("%s is no part of a rule: linkd says which table and chain, and counts itself", word)
	case len(word) > 2:
		return fmt.Errorf("%s: write an option and its value as two words, %s and %s", word, word[:2], word[2:])
	}
	return nil
}

// commands are the long options that are no part of a rule, and matches those that are.
var (
	commands = []string{
		"append", "check", "delete", "insert", "replace", "list", "list-rules", "flush", "zero", "new-chain",
		"delete-chain", "rename-chain", "policy", "help", "version", "table", "modprobe", "set-counters", "ipv4", "ipv6",
		"wait", "wait-interval", "verbose", "numeric", "exact", "line-numbers",
	}
	matches = []string{
		"protocol", "proto", "source", "src", "destination", "dst", "in-interface", "out-interface", "jump", "goto",
		"match", "fragments",
	}
	// taken are options of extensions that look like abbreviated commands (iptables-extensions(8), recent and policy).
	taken = []string{"set", "pol"}
)

// checkLong rejects long commands, abbreviated ones, too: getopt_long(3) accepts an abbreviation.
func checkLong(word string) error {
	name, _, joined := strings.Cut(word[2:], "=")
	switch {
	case name == "":
		return fmt.Errorf("%s is no option", word)
	case slices.Contains(taken, name):
		return nil
	case slices.Contains(matches, name) && joined:
		// For these, iptables takes the whole word as the value.
		return fmt.Errorf("%s: write an option and its value as two words", word)
	case slices.Contains(matches, name):
		return nil
	}
	for _, command := range commands {
		if strings.HasPrefix(command, name) {
			return fmt.Errorf("--%s is no part of a rule: linkd says which table and chain, and counts itself", command)
		}
	}
	for _, match := range matches {
		if strings.HasPrefix(match, name) {
			return fmt.Errorf("write --%s in full: --%s", name, match)
		}
	}
	return nil
}

// checkValue checks the value of an option, if iptables would silently misread a wrong one.
func checkValue(f family, option, value string) error {
	switch option {
	case "-s", "-d", "--source", "--src", "--destination", "--dst":
		return checkAddress(f, value)
	case "-i", "-o", "--in-interface", "--out-interface":
		return spec.CheckIfName(value)
	case "-m", "--match", "-j", "--jump", "-g", "--goto":
		// iptables uses the name of an extension in the path of a library that it loads.
		if strings.ContainsAny(value, "/ ") {
			return fmt.Errorf("%q is no name of an extension or a chain", value)
		}
	}
	return nil
}

// checkAddress requires one address or network: iptables adds a rule for each address in a list, and for each of a host name.
func checkAddress(f family, text string) error {
	address, mask, _ := strings.Cut(text, "/")
	ip, err := netip.ParseAddr(address)
	switch {
	case strings.Contains(text, ","):
		return fmt.Errorf("%s: iptables makes a rule of each in a list: write a rule for each", text)
	case err != nil || ip.Zone() != "":
		return fmt.Errorf("%q is no address or network such as 172.17.0.0/16", text)
	case ip.BitLen() != f.bits:
		return fmt.Errorf("%s is not of the address family of %s", text, f.name)
	}
	if netmask, err := netip.ParseAddr(mask); err == nil && netmask.BitLen() == f.bits {
		return nil
	}
	if _, err := netip.ParsePrefix(text); mask != "" && err != nil {
		return fmt.Errorf("%q is no address or network such as 172.17.0.0/16", text)
	}
	return nil
}
