package reference

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"linkd/pkg/spec"
)

// texts are what people wrote for the page: opening and closing, what goes before the values, and beside that a file to
// an object or a key, by its name. Its first line may be a heading. {{table}} is where the table of the keys goes;
// without it that follows the text.
//
//go:embed text
var texts embed.FS

// Page is the reference in Markdown: each object of the language with its text and a table of its keys.
func Page(lang spec.Language) string {
	p := page{lang: lang, model: newModel(lang), syntaxes: map[string]spec.Syntax{}}
	p.line("%s", p.text("opening"))
	p.chapter(p.model.byName["document"])
	p.chapter(p.model.byName["namespace"])
	p.chapter(p.model.byName["link"])
	for _, kind := range p.model.kinds {
		p.chapter(kind)
	}
	p.chapter(p.model.byName["end"])
	p.chapter(p.model.byName["probe"])
	p.chapter(p.model.byName["pool"])
	p.values()
	p.line("%s", strings.TrimSpace(p.text("closing")))
	return p.out.String()
}

type page struct {
	out      strings.Builder
	lang     spec.Language
	model    *model
	syntaxes map[string]spec.Syntax
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.out, format+"\n", args...) }

// chapter is an object, and what its keys hold.
func (p *page) chapter(o *object) {
	p.section(o.name, o)
	for _, k := range o.keys {
		name := o.name + "." + k.name
		if below := p.model.byName[name]; below != nil {
			p.chapter(below)
		} else if p.text(name) != "" {
			p.section(name, nil)
		}
	}
}

// text is what is written under a name, with what its examples declare below each; "" where nothing is.
func (p *page) text(name string) string {
	raw, err := texts.ReadFile("text/" + name + ".md")
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	if err != nil {
		panic(err)
	}
	return fence.ReplaceAllStringFunc(string(raw), func(block string) string {
		return block + p.declared(fence.FindStringSubmatch(block)[1])
	})
}

var fence = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```\n")

// declared says which resources an example declares. One that is not valid is for the test of the page to find.
func (p *page) declared(example string) string {
	desired, _ := spec.Compile(p.lang, []spec.File{{Path: "example", Text: []byte(example)}})
	var ids []string
	for _, r := range desired.Resources.All() {
		ids = append(ids, "`"+r.ID().String()+"`")
	}
	if ids == nil {
		return ""
	}
	return "\nlinkd manages these resources: " + strings.Join(ids, ", ") + ".\n"
}

// section is the text of that name with the table of an object, if it is one.
func (p *page) section(name string, o *object) {
	heading := p.heading(name)
	p.line("%s %s\n", strings.Repeat("#", 2+strings.Count(name, ".")), heading)
	if o != nil && o.doc != "" {
		p.line("%s.\n", upper(o.doc))
	}
	text := strings.TrimPrefix(p.text(name), "# "+heading+"\n")
	before, after, _ := strings.Cut(text, "{{table}}")
	if before = strings.TrimSpace(before); before != "" {
		p.line("%s\n", before)
	}
	if o != nil {
		p.table(o)
	}
	if after = strings.TrimSpace(after); after != "" {
		p.line("%s\n", after)
	}
}

func upper(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// heading is the first line of a text, or else the name in code: of a kind of link its own.
func (p *page) heading(name string) string {
	first, _, _ := strings.Cut(p.text(name), "\n")
	if heading, is := strings.CutPrefix(first, "# "); is {
		return heading
	}
	return "`" + strings.TrimPrefix(name, "link.") + "`"
}

// anchor is the fragment that a heading is reached by.
func anchor(heading string) string {
	return strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// link leads to the section of that name with the words.
func (p *page) link(words, name string) string {
	return fmt.Sprintf("[%s](#%s)", words, anchor(p.heading(name)))
}

// table are an object's own keys. What it shares with another is said there.
func (p *page) table(o *object) {
	keys, elsewhere := o.keys, slices.Clone(o.with)
	if other := p.lesser(o); other != nil {
		elsewhere = append(elsewhere, other)
		keys = slices.DeleteFunc(slices.Clone(keys), func(k key) bool {
			return slices.ContainsFunc(other.keys, func(of key) bool { return of.name == k.name })
		})
	}
	var names []string
	for _, other := range elsewhere {
		names = append(names, p.link(strings.ToLower(p.heading(other.name)), other.name))
	}
	switch others := strings.Join(names, " and "); {
	case len(keys) == 0:
		p.line("It has the keys of %s, and none of its own.\n", others)
		return
	case names != nil:
		p.line("It has the keys of %s, and:\n", others)
	}
	p.line("| key | value | default | meaning |\n| --- | --- | --- | --- |")
	for _, k := range keys {
		absent := k.absent
		switch {
		case k.required:
			absent = "required"
		case k.def != "":
			absent = "`" + k.def + "`"
		}
		value := p.value(k.value, false)
		if name := o.name + "." + k.name; k.value.entries != nil && p.text(name) != "" {
			value = p.link("mapping", name)
		}
		p.line("| `%s` | %s | %s | %s |", k.name, value, absent, strings.ReplaceAll(k.doc, "|", `\|`))
	}
	p.line("")
}

// lesser is another object that goes by the same key, and all of whose keys o has with the same meaning.
func (p *page) lesser(o *object) *object {
	lastKey := func(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
	for _, other := range p.model.objects {
		if lastKey(other.name) != lastKey(o.name) || len(other.keys) >= len(o.keys) {
			continue
		}
		if !slices.ContainsFunc(other.keys, func(k key) bool {
			return !slices.ContainsFunc(o.keys, func(of key) bool { return reflect.DeepEqual(k, of) })
		}) {
			return other
		}
	}
	return nil
}

// value says what can be written, of one or of several.
func (p *page) value(v value, several bool) string {
	mapping := "mapping"
	if several {
		mapping = "mappings"
	}
	var forms []string
	if v.boolean {
		forms = append(forms, "`true` or `false`")
	}
	if v.syntax != nil {
		forms = append(forms, p.syntax(*v.syntax))
	}
	if v.object != nil {
		forms = append(forms, p.link(mapping, v.object.name))
	}
	if v.list != nil {
		of := "list of "
		if v.items > 0 {
			of += fmt.Sprintf("%d ", v.items)
		}
		forms = append(forms, of+p.value(*v.list, true))
	}
	if v.entries != nil {
		forms = append(forms, mapping+" of names to "+p.value(*v.entries, true))
	}
	if v.links {
		forms = append(forms, p.link(mapping, "link"))
	}
	if forms == nil {
		return "see there"
	}
	return strings.Join(forms, " or ")
}

// syntax leads to what is said of a syntax, or says all where words and a number are all.
func (p *page) syntax(of spec.Syntax) string {
	if of.Doc != "" {
		p.syntaxes[of.Name] = of
		return fmt.Sprintf("[%s](#%s)", of.Name, anchor(of.Name))
	}
	var forms []string
	for _, word := range of.Words {
		forms = append(forms, "`"+word+"`")
	}
	switch {
	case of.Number() && of.Min == of.Max:
		forms = append(forms, fmt.Sprintf("`%d`", of.Max))
	case of.Number():
		forms = append(forms, fmt.Sprintf("%d to %d", of.Min, of.Max))
	case forms == nil:
		forms = append(forms, "text")
	}
	return strings.Join(forms, ", ")
}

// values are the ways to write a value that tables have led to.
func (p *page) values() {
	p.line("%s", p.text("values"))
	byName := func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }
	for _, name := range slices.SortedFunc(maps.Keys(p.syntaxes), byName) {
		p.line("### %s\n\n%s\n", upper(name), p.syntaxes[name].Doc)
	}
}
