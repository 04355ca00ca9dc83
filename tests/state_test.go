package tests

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// state prints all that a story may want to compare of a network namespace, one thing a line: nothing that differs
// from run to run (indexes, random MACs, link-local addresses, counters, operational state), and nothing that is at
// the kernel's default, so that a short text is a whole state.
//
// With -unmarked it prints what the kernel does and leaves out who made it: aliases, route protocols, and chains
// named LINKD-*, whose rules stand where the jump to them is.
func (s *stage) state(ts *testscript.TestScript, neg bool, args []string) {
	unmarked := len(args) > 0 && args[0] == "-unmarked"
	if unmarked {
		args = args[1:]
	}
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: state [-unmarked] NETNS [FILE]")
	}
	r := &reader{ts: ts, stage: s, netns: s.netns(args[0]), unmarked: unmarked}
	if args[0] == "host" {
		r.names()
	}
	r.links()
	r.vlans()
	r.addresses()
	r.routes()
	r.rules()
	r.neighbours()
	r.forwarding()
	r.traffic()
	r.firewall("iptables")
	r.firewall("ip6tables")
	r.sysctls()
	if len(args) == 2 {
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(r.text.String()), 0o644))
		return
	}
	ts.Stdout().Write([]byte(r.text.String()))
}

// reader collects the lines of one namespace.
type reader struct {
	ts       *testscript.TestScript
	stage    *stage
	netns    string
	unmarked bool
	text     strings.Builder
}

// object is one of the things that ip prints with -json: its fields are too many and too varied for structs.
type object map[string]any

// has reports whether the field is there and set.
func (o object) has(field string) bool {
	v, ok := o[field]
	return ok && v != nil && v != "" && v != false
}

// object returns the field as an object, empty if it is not there.
func (o object) object(field string) object {
	m, _ := o[field].(map[string]any)
	return m
}

// objects returns the field as a list of objects, empty if it is not there.
func (o object) objects(field string) []object {
	list, _ := o[field].([]any)
	var objects []object
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			objects = append(objects, m)
		}
	}
	return objects
}

// str returns the field as ip would print it.
func (o object) str(field string) string {
	switch v := o[field].(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "on"
		}
		return "off"
	default:
		return fmt.Sprint(v)
	}
}

// flag reports whether the list of flags holds the one asked for.
func (o object) flag(name string) bool {
	flags, _ := o["flags"].([]any)
	return slices.Contains(flags, any(name))
}

func (r *reader) output(args ...string) string {
	var stderr strings.Builder
	cmd := r.stage.command(r.ts, append([]string{"nsenter", "--net=" + r.netns}, args...))
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.ts.Fatalf("%s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func (r *reader) ip(args ...string) []object {
	return r.json(append([]string{"ip", "-json"}, args...)...)
}

func (r *reader) json(args ...string) []object {
	out := r.output(args...)
	var objects []object
	if strings.TrimSpace(out) != "" {
		decoder := json.NewDecoder(strings.NewReader(out))
		decoder.UseNumber()
		if err := decoder.Decode(&objects); err != nil {
			r.ts.Fatalf("%s: %v", strings.Join(args, " "), err)
		}
	}
	return objects
}

// lines adds lines in an order of their own, because the kernel lists by index and age.
func (r *reader) lines(lines []string) {
	slices.Sort(lines)
	for _, l := range lines {
		fmt.Fprintln(&r.text, l)
	}
}

// line joins words, and pairs of a word and its value, leaving out what is not set.
type line struct{ words []string }

func (l *line) add(words ...string) *line {
	l.words = append(l.words, words...)
	return l
}

func (l *line) addIf(set bool, words ...string) *line {
	if set {
		l.add(words...)
	}
	return l
}

func (l *line) String() string { return strings.Join(l.words, " ") }

func (r *reader) names() {
	// It is there once somebody has named a namespace.
	entries, err := os.ReadDir("/run/netns")
	if !errors.Is(err, fs.ErrNotExist) {
		r.ts.Check(err)
	}
	var lines []string
	for _, e := range entries {
		lines = append(lines, "netns "+e.Name())
	}
	r.lines(lines)
}
