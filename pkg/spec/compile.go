package spec

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"sync"

	"gopkg.in/yaml.v3"
)

// Compile makes the desired state of the files, in their order, and reports all errors in them. The result does not
// include what has an error.
func Compile(lang Language, files []File) (*Desired, Errors) {
	files = boundTotal(files)
	var sections []section
	var errs Errors
	again := repeater{left: maxValues}
	for _, f := range files {
		roots, wrong := parse(f)
		errs = append(errs, wrong...)
		for _, root := range roots {
			mine, wrong := lang.forNode(f.Path, root.Node)
			if errs = append(errs, wrong...); !mine {
				continue
			}
			s, wrong := lang.document(f.Path, root.Node)
			s.namespaces = again.repeat(f.Path, s.namespaces)
			s.links = again.repeat(f.Path, s.links)
			s.probes = again.repeat(f.Path, s.probes)
			sections, errs = append(sections, s), append(errs, root.explain(wrong)...)
		}
	}
	errs = append(errs, again.errs...)
	many := templates(sections)
	var samples []expansion
	for _, t := range many {
		samples = append(samples, sample(t))
	}
	full, blanks := expand(sections, many, samples)
	if len(many) == 0 {
		// Nobody reads the documents again, and they take more memory than the result.
		sections = nil
	}
	c := lang.compile(full)
	for _, e := range c.errs {
		if !blanks[e.Source] {
			errs = append(errs, e)
		}
	}
	c.desired.Templates = many
	if len(many) > 0 && !lang.Samples {
		var told Desired
		expansions := lang.expansions(many, &told)
		var misfits []Misfit
		if len(errs) == 0 {
			c, misfits = lang.fit(sections, many, expansions)
		} else {
			full, _ = expand(sections, many, expansions)
			c = lang.compile(full)
		}
		c.desired.Templates, c.desired.Misfits = many, append(told.Misfits, misfits...)
		c.desired.Unknown, c.desired.Outdated = errors.Join(told.Unknown, c.desired.Unknown), told.Outdated
		c.desired.nameTemplates(expansions)
	}
	for _, w := range Errors(c.warnings).sorted().joinInstances() {
		if !blanks[w.Source] {
			c.desired.Warnings = append(c.desired.Warnings, w)
		}
	}
	errs = errs.sorted().joinInstances()
	errs.addExcerpts(files)
	return c.desired, errs
}

// compile compiles the documents and reports all errors in them. It owns the slice, and releases each document after
// it has read it.
func (lang Language) compile(documents []section) *compiler {
	c := &compiler{
		lang: lang,
		desired: &Desired{
			Namespaces: map[string]Namespace{},
			Resources:  &Set{},
			Pools:      map[string]Pool{},
			Given:      map[PoolEnd]Holding{},
			Leases:     map[LeaseClient]LeaseOptions{},
			Members:    map[string]MemberEnd{},
		},
		bySelector: map[Selector]string{},
		links:      map[string]Source{},
		claims:     map[string]claim{},

		declaredProbes: map[string]Probe{},
		occupied:       map[netip.Addr]bool{},

		suggestions: suggestions{left: mostComparisons},
		tables:      sync.OnceValues(tableNames),
	}
	// A link may name a namespace that a later document or file declares, so namespaces come first.
	for i := range documents {
		c.namespaces(&documents[i])
		c.pools(&documents[i])
	}
	c.checkPools()
	for i := range documents {
		c.keys(documents[i])
		c.linkEntries(documents[i])
		c.probes(documents[i])
		documents[i] = section{}
	}
	c.givePools()
	for i := 0; i < len(c.later); i++ {
		c.later[i]()
	}
	c.errs = append(c.errs, c.desired.Resources.cycles()...)
	c.desired.Probes = c.sortedProbes()
	c.desired.Resources.dropIndexes()
	return c
}

type compiler struct {
	lang       Language
	desired    *Desired
	bySelector map[Selector]string
	links      map[string]Source
	claims     map[string]claim
	// declaredProbes are the probes by name.
	declaredProbes map[string]Probe
	// asks are the ends that ask for an address of a pool, and occupied the addresses that the files give to certain hosts.
	// whenGiven is called after the addresses of pools have been given.
	asks      []poolAsk
	occupied  map[netip.Addr]bool
	whenGiven []func()

	later      []func()
	collisions []collision
	errs       Errors
	warnings   Warnings

	suggestions suggestions
	// tables returns the names of routing tables, which are read on the first call.
	tables func() (map[string]Table, error)
}

// section is one document, split into its keys.
type section struct {
	file                             string
	namespaces, links, probes, pools []entryNode
	keys                             []namespaceKeys
}

type namespaceKeys struct {
	name  string
	entry entryNode
	nodes map[string]*yaml.Node
}

// context returns the context of an entry in a file.
func (c *compiler) context(file string, e entryNode) *Context {
	return &Context{file: file, node: e.key, instance: e.instance, errs: &c.errs, c: c}
}

func (lang Language) document(file string, root *yaml.Node) (section, Errors) {
	var errs Errors
	ctx := &Context{file: file, node: root, errs: &errs}
	parts, _ := ctx.Fields(root, lang.Document().Keys, &document{})
	for name, n := range parts {
		if n.Kind != yaml.MappingNode {
			ctx.Errorf(n, "expected a mapping, found %s%s", describe(n), blankMissing(n))
			delete(parts, name)
		}
	}
	return section{file: file, namespaces: entriesOf(parts["namespaces"]), links: entriesOf(parts["links"]), probes: entriesOf(parts["probes"]), pools: entriesOf(parts["pools"])}, errs
}

// namespaces declares the namespaces of one document. Their keys are decoded after all documents have declared
// theirs.
func (c *compiler) namespaces(s *section) {
	for _, e := range s.namespaces {
		key, value := e.key, e.value
		ctx := c.context(s.file, e)
		name, src := key.Value, ctx.Source()
		if err := CheckNSName(name); err != nil {
			ctx.Errorf(key, "%v", err)
			continue
		}
		var own namespace
		nodes, _ := ctx.Fields(value, c.lang.Namespace, &own)
		selector := Selector{Scheme: "name", Value: name}
		if name == Host {
			selector = Selector{Scheme: Host}
		}
		if own.From != "" {
			parsed, err := ParseSelector(string(own.From))
			if err == nil && (name == Host) != (parsed.Scheme == Host) {
				err = fmt.Errorf("%q is the namespace that linkd runs in, and that one only", Host)
			}
			if err != nil {
				ctx.Errorf(ValueOf(value, "from"), "%v", err)
				continue
			}
			selector = parsed
		}
		if own.User != "" {
			if selector.Scheme != "process" {
				ctx.Errorf(ValueOf(value, "user"), "user goes with process: only, and %q is found by %s: remove user, or write from: \"process:COMMAND LINE\"", name, selector)
				continue
			}
			selector.User = string(own.User)
		}
		before, twice := c.desired.Namespaces[name]
		if !twice {
			if other, taken := c.bySelector[selector]; taken {
				before, twice = c.desired.Namespaces[other], true
			}
		}
		if twice {
			ctx.Conflict(before.Source, "namespace %q (%s) is declared twice, first in %s", name, selector, before.Source)
			continue
		}
		c.desired.Namespaces[name] = Namespace{Name: name, Selector: selector, Source: src}
		c.bySelector[selector] = name
		s.keys = append(s.keys, namespaceKeys{name: name, entry: entryNode{value, value, e.instance}, nodes: nodes})
	}
}

func (c *compiler) keys(s section) {
	for _, k := range s.keys {
		ctx := c.context(s.file, k.entry)
		ctx.NS = k.name
		ctx.DecodeKeys(c.lang.Namespace, k.nodes)
	}
}

func (c *compiler) linkEntries(s section) {
	for _, e := range s.links {
		key := e.key
		ctx := c.context(s.file, e)
		ctx.Link = key.Value
		if err := checkLinkID(key.Value); err != nil {
			ctx.Errorf(key, "%v", err)
			continue
		}
		if before, twice := c.links[key.Value]; twice {
			ctx.Conflict(before, "link %q is declared twice, first in %s", key.Value, before)
			continue
		}
		c.links[key.Value] = ctx.Source()
		c.lang.Link.Decode(ctx, key.Value, e.value)
	}
}

// reference finds the namespace that text names, and declares the namespace of an inline selector.
func (c *compiler) reference(text string, src Source) (string, error) {
	if !isSelector(text) {
		if _, declared := c.desired.Namespaces[text]; declared {
			return text, nil
		}
		known := func(yield func(string) bool) {
			if yield(Host) {
				maps.Keys(c.desired.Namespaces)(yield)
			}
		}
		return "", fmt.Errorf("namespace %s is not declared%s", quoted(text), c.suggestions.didYouMean(text, known))
	}
	selector, err := ParseSelector(text)
	if _, many := selector.ManyByLabel(); many && err == nil {
		err = fmt.Errorf("%s stands for many containers: declare it under namespaces, and refer to it by that name", selector)
	}
	if err != nil {
		return "", err
	}
	if name, known := c.bySelector[selector]; known {
		return name, nil
	}
	name := selector.String()
	if _, taken := c.desired.Namespaces[selector.Value]; selector.Scheme == "name" && !taken {
		name = selector.Value
	}
	c.desired.Namespaces[name] = Namespace{Name: name, Selector: selector, Source: src}
	c.bySelector[selector] = name
	return name, nil
}
