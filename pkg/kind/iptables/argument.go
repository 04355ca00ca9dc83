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
		Doc:     "A word of a rule. An option and its value are two words. Put `\"!\"` in quotes. A word cannot contain `\"` or `\\`.",
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
	case strings.HasPrefix(word, "-") && strings.ContainsAny(word, " "), strings.HasPrefix(word, "! "):
		return fmt.Errorf("%q: an option and its value are arguments of their own: [%s]", word, inYAML(strings.Fields(word)))
	case strings.IndexAny(word, dashes) == 0:
		return fmt.Errorf("%q begins with a dash that iptables does not know as one: write -", word)
	case strings.HasPrefix(word, "--"):
		return checkLong(word)
	case strings.HasPrefix(word, "-"):
		return checkShort(word)
	}
	return nil
}

// dashes are the characters that word processors and web pages write in the place of a hyphen.
const dashes = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"

// inYAML writes words as the elements of a list.
func inYAML(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		if quoted[i] = word; strings.ContainsAny(word[:1], "!&*%@`'\"|>#?:,[]{}0123456789") || word == "-" {
			quoted[i] = `"` + word + `"`
		}
	}
	return strings.Join(quoted, ", ")
}

// textOptions take a text that may have blanks (iptables-extensions(8)).
var textOptions = []string{
	"--comment", "--log-prefix", "--nflog-prefix", "--ulog-prefix", "--string", "--hex-string", "--u32", "--bytecode", "--path", "--object-pinned", "--genre",
}

// checkPlace checks a word, of which before is the one before it; "" for the first.
func checkPlace(before, word string) error {
	option := strings.HasPrefix(before, "-")
	switch {
	case before == "" && !strings.HasPrefix(word, "-") && word != "!":
		return fmt.Errorf("a rule begins with an option, and %q is none", word)
	case strings.HasPrefix(word, "-") && len(before) == 2 && option && before != "-f":
		return fmt.Errorf("%s is without its value", before)
	case !strings.Contains(word, " ") || slices.Contains(textOptions, before):
		return nil
	case strings.TrimSpace(word) != word:
		return fmt.Errorf("%q has a blank at its start or end, which would be a part of it", word)
	case option && !strings.Contains(strings.ReplaceAll(word, ", ", ","), " "):
		return fmt.Errorf("%q: a list has no blanks: write %s", word, strings.ReplaceAll(word, ", ", ","))
	case option:
		return fmt.Errorf("%q: a value of %s has no blanks; each word is an argument of its own: [%s]", word, before, inYAML(strings.Fields(word)))
	}
	return fmt.Errorf("%q: each word is an argument of its own: [%s]", word, inYAML(strings.Fields(word)))
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
