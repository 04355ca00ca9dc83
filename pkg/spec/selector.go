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
	case "podman":
		return "podman"
	}
	return ""
}

// ByPID reports whether the namespace is that of a process, and so ends with it.
func (s Selector) ByPID() bool { return s.Scheme == "pid" || s.Scheme == "process" }

// schemes are the schemes of selectors, with the syntax of their values.
var schemes = []struct{ name, value, doc string }{
	{"name", "NAME", "the file `/run/netns/NAME`, as `ip netns add NAME` makes it"},
	{"path", "/ABS", "a file on which a network namespace is mounted"},
	{"pid", "N", "the process with that ID"},
	{"process", "COMMAND LINE", "the one process of root, or of the `user` that the namespace names, whose command line matches; several are an error that lists them"},
	{"docker", "NAME|ID", "a container of Docker's; `DOCKER_HOST` is honoured"},
	{"docker", "label=KEY[=VALUE]", "every container of Docker's that runs and has the label, or podman's with `podman:`: a template"},
	{"podman", "NAME|ID", "a container of podman's; `CONTAINER_HOST` is honoured"},
	{"unit", "NAME.service", "the main process of a systemd service"},
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

var serviceName = regexp.MustCompile(`^[a-zA-Z0-9:_.\\@-]+\.service$`)

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
	switch scheme {
	case "name":
		return s, CheckNSName(value)
	case "path":
		if !filepath.IsAbs(value) {
			return s, fmt.Errorf("path:%s is not absolute", value)
		}
		s.Value = filepath.Clean(value)
	case "pid":
		if pid, err := strconv.ParseUint(value, 10, 31); err != nil || pid == 0 {
			return s, fmt.Errorf("%q is not a process ID", value)
		}
	case "docker", "podman":
		// The names that engines allow for a container (RestrictedNameChars in moby/daemon/names); an ID is one, too.
		if label, many := s.ManyByLabel(); many {
			if !labelText.MatchString(label) {
				return s, fmt.Errorf("%q is not a label: write label=KEY or label=KEY=VALUE", label)
			}
		} else if !containerName.MatchString(value) {
			return s, fmt.Errorf("%q is not a container's name or ID", value)
		}
	case "unit":
		// systemd.unit(5); only a service has a main process.
		if !serviceName.MatchString(value) {
			return s, fmt.Errorf("%q is not the name of a service: write NAME.service", value)
		}
	case "process":
		if s.Value = strings.TrimSpace(value); s.Value == "" {
			return s, fmt.Errorf("process: needs the command line of a process")
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
