package spec

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A namespace whose selector has labels is a template. The template, and every link that refers to it, stands for
// each container with the label.

// Instance is a container that a template stands for.
type Instance struct {
	Name, ID string
	Labels   map[string]string
	// Unsaid are labels that the container may have; the engine has not said yet.
	Unsaid []string
	// Selector finds this container and no other.
	Selector Selector
	// SharesWith is the container with the same label whose network namespace this one uses; "" if it has its own.
	SharesWith string
}

// Template is a namespace that stands for many containers.
type Template struct {
	Name     string
	Selector Selector
	Source   Source
}

// Misfit is a container with which its template is not valid, and the errors.
type Misfit struct {
	Template, Container string
	Errors              Errors
}

func (m Misfit) String() string {
	return fmt.Sprintf("container %s does not fit the template %s: %v", m.Container, m.Template, m.Errors)
}

// labelPrefix begins the value of a selector by label: label=KEY or label=KEY=VALUE.
const labelPrefix = "label="

// ManyByLabel reports whether the selector finds every container with a label, and returns the label.
func (s Selector) ManyByLabel() (label string, many bool) {
	if s.Scheme != "docker" && s.Scheme != "podman" {
		return "", false
	}
	return strings.CutPrefix(s.Value, labelPrefix)
}

// expansion is a container in the place of a template.
type expansion struct {
	template Template
	instance Instance
}

// expand returns the documents with the containers in place of the templates. Blanks are the positions with
// placeholders, whose values are not known before there is a container.
func expand(sections []section, templates []Template, expansions []expansion) (full []section, blanks map[Source]bool) {
	full, blanks = slices.Clone(sections), map[Source]bool{}
	if len(templates) == 0 {
		return full, blanks
	}
	p := expander{templates: templates, named: map[string][]int{}, expansions: map[Template][]expansion{}, blanks: blanks}
	for i, t := range templates {
		p.named[t.Name] = append(p.named[t.Name], i)
	}
	for _, r := range expansions {
		p.expansions[r.template] = append(p.expansions[r.template], r)
	}
	for i := range full {
		full[i].namespaces = p.replace(full[i].file, full[i].namespaces, func(e entryNode) []string { return []string{e.key.Value} })
		full[i].links = p.replace(full[i].file, full[i].links, func(e entryNode) []string { return references(e.value, nil) })
		full[i].probes = p.replace(full[i].file, full[i].probes, func(e entryNode) []string { return sender(e.value) })
	}
	return full, blanks
}

// expander knows the templates by their names, as numbers, and the expansions by their templates.
type expander struct {
	templates  []Template
	named      map[string][]int
	expansions map[Template][]expansion
	blanks     map[Source]bool
}

// replace returns the entries of a section; each entry of a template is repeated for each of its expansions. names returns
// the namespaces that an entry refers to.
func (p *expander) replace(file string, entries []entryNode, names func(entryNode) []string) []entryNode {
	all := make([]entryNode, 0, len(entries))
	// An entry can refer to several templates. They are expanded in order.
	var expand func(e entryNode, from int)
	expand = func(e entryNode, from int) {
		next := len(p.templates)
		for _, name := range names(e) {
			for _, number := range p.named[name] {
				if number >= from {
					next = min(next, number)
				}
			}
		}
		if next == len(p.templates) {
			all = append(all, e)
			return
		}
		for _, r := range p.expansions[p.templates[next]] {
			expand(p.fill(file, e, r), next+1)
		}
	}
	for _, e := range entries {
		expand(e, 0)
	}
	return all
}

// fill returns a template's entry for one expansion.
func (p *expander) fill(file string, e entryNode, r expansion) entryNode {
	f := fill{expansion: r, file: file, blanks: p.blanks}
	title := *e.key
	if title.Value = r.instance.Name; e.key.Value != r.template.Name || ValueOf(e.value, "kind") != nil {
		if title.Value = f.scalar(e.key.Value); title.Value == e.key.Value {
			// Each link needs an ID of its own.
			title.Value += "." + r.instance.Name
		}
	}
	return entryNode{&title, f.copy(e.value), e.instance}
}

// references appends the namespaces that a link names for its ends and its parent.
func references(n *yaml.Node, names []string) []string {
	if at := ValueOf(n, "netns"); at != nil && at.Kind == yaml.ScalarNode {
		names = append(names, at.Value)
	}
	for _, child := range n.Content {
		names = references(child, names)
	}
	return names
}

// fill replaces placeholders by the values of a container.
type fill struct {
	expansion
	file   string
	blanks map[Source]bool
}

// Placeholder matches {name}, {id} or {label:KEY}.
var Placeholder = regexp.MustCompile(`\{(name|id|label:[^{}]+)\}`)

// shortID is the length of the IDs that engines print, enough to distinguish containers.
const shortID = 12

func (f fill) scalar(text string) string {
	return Placeholder.ReplaceAllStringFunc(text, func(word string) string {
		switch word = word[1 : len(word)-1]; word {
		case "name":
			return f.instance.Name
		case "id":
			return f.instance.ID[:min(shortID, len(f.instance.ID))]
		}
		key := strings.TrimPrefix(word, "label:")
		if slices.Contains(f.instance.Unsaid, key) {
			// This text is invalid in every name and address, so that linkd does not act on a guess.
			return "/\x00"
		}
		return f.instance.Labels[key]
	})
}

func (f fill) copy(n *yaml.Node) *yaml.Node {
	out := *n
	out.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		out.Content[i] = f.copy(child)
	}
	if from := ValueOf(&out, "from"); from != nil && from.Value == f.template.Selector.String() {
		from.Value = f.instance.Selector.String()
	} else if from != nil && from.Kind == yaml.ScalarNode && from.Value == f.template.Name {
		// That of a probe is a namespace.
		from.Value = f.instance.Name
	}
	if at := ValueOf(&out, "netns"); at != nil && at.Kind == yaml.ScalarNode && at.Value == f.template.Name {
		at.Value = f.instance.Name
	}
	if n.Kind == yaml.ScalarNode && Placeholder.MatchString(n.Value) {
		f.blanks[at(f.file, n)] = true
		if out.Value = f.scalar(n.Value); Placeholder.FindString(n.Value) == n.Value {
			// The placeholder is the whole value, so the value may be a number.
			out.Style = 0
		}
	}
	return &out
}

// templates returns the namespaces of the documents that are templates.
func templates(sections []section) (found []Template) {
	for _, s := range sections {
		for _, e := range s.namespaces {
			from := ValueOf(e.value, "from")
			if from == nil || from.Kind != yaml.ScalarNode {
				continue
			}
			selector, err := ParseSelector(from.Value)
			if _, many := selector.ManyByLabel(); many && err == nil {
				found = append(found, Template{Name: e.key.Value, Selector: selector, Source: at(s.file, e.key)})
			}
		}
	}
	return found
}

// sample returns an example container, so that a template can be checked before there is one.
func sample(t Template) expansion {
	return expansion{t, Instance{Name: t.Name, ID: strings.Repeat("0", shortID), Selector: Selector{Scheme: t.Selector.Scheme, Value: t.Name}}}
}

// Outdated is an error of Language.Instances: an engine does not answer, and the containers are those of its last
// answer.
type Outdated struct{ Err error }

func (o *Outdated) Error() string { return o.Err.Error() }
func (o *Outdated) Unwrap() error { return o.Err }

// expansions returns the containers that the templates stand for now.
func (lang Language) expansions(templates []Template, d *Desired) (all []expansion) {
	if lang.Instances == nil {
		return nil
	}
	for _, t := range templates {
		instances, err := lang.Instances(t.Selector)
		if outdated := (*Outdated)(nil); errors.As(err, &outdated) {
			d.Outdated = errors.Join(d.Outdated, err)
		} else {
			d.Unknown = errors.Join(d.Unknown, err)
		}
		for _, i := range instances {
			if i.SharesWith != "" {
				d.Misfits = append(d.Misfits, Misfit{t.Name, i.Name, Errors{{
					Source: t.Source, Message: fmt.Sprintf("it is in the network namespace of container %s, which linkd configures", i.SharesWith),
				}}})
				continue
			}
			all = append(all, expansion{t, i})
		}
	}
	return all
}

// fit finds the expansions with which the templates are valid, and compiles with these. A container that does not fit
// is no error in the files.
func (lang Language) fit(sections []section, templates []Template, all []expansion) (fitting *compiler, misfits []Misfit) {
	with := func(p []expansion) *compiler {
		full, blanks := expand(sections, templates, p)
		c := lang.compile(full)
		for _, collision := range c.collisions {
			if blanks[collision.Source] || blanks[collision.other] {
				c.errs = append(c.errs, collision.Error)
			}
		}
		return c
	}
	var in []expansion
	// It tries halves recursively: about twelve attempts find one misfit among a hundred containers.
	var admit func(p []expansion)
	admit = func(p []expansion) {
		if len(p) == 0 {
			return
		}
		c := with(slices.Concat(in, p))
		switch {
		case len(c.errs) == 0:
			in, fitting = slices.Concat(in, p), c
		case len(p) == 1:
			misfits = append(misfits, Misfit{p[0].template.Name, p[0].instance.Name, c.errs.sorted().joinInstances()})
		default:
			admit(p[:len(p)/2])
			admit(p[len(p)/2:])
		}
	}
	admit(all)
	if fitting == nil {
		fitting = with(nil)
	}
	return fitting, misfits
}

// nameTemplates records which namespaces are those of containers of a template.
func (d *Desired) nameTemplates(expansions []expansion) {
	for _, e := range expansions {
		if ns, declared := d.Namespaces[e.instance.Name]; declared && ns.Selector == e.instance.Selector {
			ns.Template = e.template.Name
			d.Namespaces[ns.Name] = ns
		}
	}
}
