package spec

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Host is the name of the namespace in which linkd itself runs.
const Host = "host"

// Selector says how to find a network namespace: by a scheme and its value. For the scheme process, User is the name
// or ID of the user who owns the process; "" is root.
type Selector struct{ Scheme, Value, User string }

func (s Selector) String() string {
	if s.User != "" {
		return s.text() + " (user " + s.User + ")"
	}
	return s.text()
}

// text returns the selector in the form that ParseSelector reads, without the user.
func (s Selector) text() string {
	if s.Scheme == Host {
		return Host
	}
	return s.Scheme + ":" + s.Value
}

// Notation returns the selector's parts, for SelectorOf.
func (s Selector) Notation() []string {
	if s.User == "" {
		return []string{s.Scheme, s.Value}
	}
	return []string{s.Scheme, s.Value, s.User}
}

// SelectorOf returns the selector with these parts; ok is false for an invalid number of parts.
func SelectorOf(words []string) (s Selector, ok bool) {
	switch len(words) {
	case 2:
		return Selector{Scheme: words[0], Value: words[1]}, true
	case 3:
		return Selector{Scheme: words[0], Value: words[1], User: words[2]}, true
	}
	return s, false
}

// Engine is the name of the container engine that started what is in the namespace; "" where none did.
func (s Selector) Engine() string {
	switch s.Scheme {
	case "docker":
		return "Docker"
	case "podman", "containerd":
		return s.Scheme
	}
	return ""
}

// ByPID reports whether the namespace is that of a process, and so ends with it.
func (s Selector) ByPID() bool { return s.Scheme == "pid" || s.Scheme == "process" }

// schemes are the schemes of selectors, with the syntax of their values. check checks a value, and may bring it into its usual form;
// nil takes any. A scheme that has two rows is checked by the first.
var schemes = []struct {
	name, value, doc string
	check            func(value *string) error
}{
	{"name", "NAME", "the file `/run/netns/NAME`, as `ip netns add NAME` makes it", func(v *string) error { return CheckNSName(*v) }},
	{"path", "/ABS", "a file on which a network namespace is mounted", checkPath},
	{"pid", "N", "the process with that ID", checkPID},
	{"process", "COMMAND LINE", "the one process of root, or of the `user` that the namespace names, whose command line matches; several are an error that lists them", checkCommandLine},
	{"docker", "NAME|ID", "a container of Docker's; `DOCKER_HOST` is honoured", checkContainer},
	{"docker", "label=KEY[=VALUE]", "every container of Docker's that runs and has the label, or podman's with `podman:`: a template", nil},
	{"podman", "NAME|ID", "a container of podman's; `CONTAINER_HOST` is honoured", checkContainer},
	{"unit", "NAME.service", "the main process of a systemd service", matches(serviceName, "the name of a service: write NAME.service")},
	{"machine", "NAME", "a machine that systemd-machined knows, such as a container of systemd-nspawn: `machinectl list`", matches(machineName, "the name of a machine")},
	{"containerd", "NAMESPACE/ID", "a container of containerd's, in one of containerd's namespaces: `ctr namespaces list`; `CONTAINERD_ADDRESS` is honoured", matches(containerdName, "a container of containerd: write NAMESPACE/ID, such as default/web")},
}

func schemeNames() (names []string) {
	for _, s := range schemes {
		names = append(names, s.name)
	}
	return slices.Compact(names)
}

var containerName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// labelText is KEY or KEY=VALUE.
var labelText = regexp.MustCompile(`^[^=\s]+(=.*)?$`)

// serviceName is a name of systemd.unit(5). Only a service has a main process.
var serviceName = regexp.MustCompile(`^[a-zA-Z0-9:_.\\@-]+\.service$`)

// machineName is a name that systemd-machined takes (hostname_is_valid in systemd's src/basic/hostname-util.c).
var machineName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,62}[a-zA-Z0-9])?$`)

// containerdName is a namespace and an ID (containerd's pkg/identifiers).
var containerdName = regexp.MustCompile(`^[a-zA-Z0-9]+([._-][a-zA-Z0-9]+)*/[a-zA-Z0-9]+([._-][a-zA-Z0-9]+)*$`)

// matches returns the check of a value that has to match a pattern. The error says that it is not what.
func matches(pattern *regexp.Regexp, what string) func(*string) error {
	return func(value *string) error {
		if !pattern.MatchString(*value) {
			return fmt.Errorf("%q is not %s", *value, what)
		}
		return nil
	}
}

func checkPath(value *string) error {
	if !filepath.IsAbs(*value) {
		return fmt.Errorf("path:%s is not absolute", *value)
	}
	*value = filepath.Clean(*value)
	return nil
}

func checkPID(value *string) error {
	if pid, err := strconv.ParseUint(*value, 10, 31); err != nil || pid == 0 {
		return fmt.Errorf("%q is not a process ID", *value)
	}
	return nil
}

func checkCommandLine(value *string) error {
	if *value = strings.TrimSpace(*value); *value == "" {
		return fmt.Errorf("process: needs the command line of a process")
	}
	return nil
}

// checkContainer checks the name or ID of a container, or a label. The names are those that engines allow for a container
// (RestrictedNameChars in moby/daemon/names); an ID is one, too.
func checkContainer(value *string) error {
	label, many := strings.CutPrefix(*value, labelPrefix)
	switch {
	case many && !labelText.MatchString(label):
		return fmt.Errorf("%q is not a label: write label=KEY or label=KEY=VALUE", label)
	case !many && !containerName.MatchString(*value):
		return fmt.Errorf("%q is not a container's name or ID", *value)
	}
	return nil
}

// isSelector reports whether a text is a selector. The name of a namespace has no colon.
func isSelector(text string) bool { return text == Host || strings.Contains(text, ":") }

// selectorText is a selector in YAML.
type selectorText string

func (selectorText) Syntax() Syntax {
	doc := "Which network namespace:\n\n- `host`: the one that linkd itself runs in"
	for _, s := range schemes {
		doc += fmt.Sprintf("\n- `%s:%s`: %s", s.name, s.value, s.doc)
	}
	return Syntax{
		Name:    "selector",
		Doc:     doc,
		Pattern: "^(" + Host + "|(" + strings.Join(schemeNames(), "|") + "):.+)$",
	}
}

// ParseSelector parses SCHEME:VALUE or host.
func ParseSelector(text string) (Selector, error) {
	if text == Host {
		return Selector{Scheme: Host}, nil
	}
	scheme, value, found := strings.Cut(text, ":")
	if !found {
		return Selector{}, fmt.Errorf("%q is not a selector: write one of %s, as in name:%s", text, strings.Join(schemeNames(), ":, ")+":", text)
	}
	if err := OneOf("selector", scheme, schemeNames()...); err != nil {
		return Selector{}, err
	}
	s := Selector{Scheme: scheme, Value: value}
	for _, known := range schemes {
		if known.name == scheme && known.check != nil {
			return s, known.check(&s.Value)
		}
	}
	return s, nil
}

// PlainName returns a name for the declaration of the namespace that the selector finds, made from the selector.
func (s Selector) PlainName() string {
	text := s.Value
	if s.Scheme == "pid" {
		text = "pid-" + text
	}
	fit := func(r rune) rune {
		if badInName(r) {
			return '-'
		}
		return r
	}
	name := strings.Trim(strings.Map(fit, text), "-.")
	if len(name) > longestPlainName {
		name = strings.TrimRight(name[:longestPlainName], "-.")
	}
	if CheckNSName(name) != nil || name == Host {
		return s.Scheme
	}
	return name
}

// longestPlainName limits the name that is made from a long command line.
const longestPlainName = 40

// CheckReference checks a reference to a namespace: a name or a selector.
func CheckReference(text string) error {
	if isSelector(text) {
		_, err := ParseSelector(text)
		return err
	}
	return CheckNSName(text)
}
