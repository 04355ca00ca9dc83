package reference

import (
	"regexp"
	"strings"

	"linkd/pkg/spec"
)

// Manual is the reference as linkd.yaml(5), in the Markdown of man pages: what is a table on the page is a list of terms,
// for a terminal is narrow, and a link is its words.
func Manual(lang spec.Language) string {
	lines := strings.Split(manualOpening+manualText(Page(lang))+manualClosing, "\n")
	var out strings.Builder
	for i := 0; i < len(lines); i++ {
		switch line := lines[i]; {
		case strings.HasPrefix(line, "| "):
			header := cells(line)
			// The line below the header only draws one.
			for i += 2; i < len(lines) && strings.HasPrefix(lines[i], "| "); i++ {
				term, meaning := definition(header, cells(lines[i]))
				out.WriteString(term + "\n: " + meaning + "\n\n")
			}
			if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "```") {
				// It would be taken for a part of what the last term means.
				out.WriteString("For example:\n")
			}
			i--
		case strings.HasPrefix(line, "##"):
			// A man page has two levels of headings.
			title := strings.TrimLeft(line, "#")
			if strings.HasPrefix(line, "###") {
				out.WriteString("##" + title + "\n")
			} else {
				out.WriteString("#" + strings.ToUpper(title) + "\n")
			}
		default:
			out.WriteString(line + "\n")
		}
	}
	return out.String()
}

const manualOpening = `# NAME
linkd.yaml - network namespaces and their wiring, as linkd reads it from /etc/linkd.d

# DESCRIPTION
`

const manualClosing = `
# SEE ALSO
**linkd(8)**, **linkd-validate(8)**, **linkd-show(8)**, **ip-link(8)**, **ip-address(8)**, **ip-route(8)**, **ip-netns(8)**`

var (
	pageOpening = regexp.MustCompile(`(?s)^<!--.*?-->\n# [^\n]*\n`)
	pageLink    = regexp.MustCompile(`\[([^\]]+)\]\([^)]*\)`)
	// seeThere are links in brackets, which say nothing without being links.
	seeThere = regexp.MustCompile(` \(\[[^\]]+\]\([^)]*\)\)`)
	// otherPage is a link to a page of another sort. packaging/install puts these pages below /usr/share/doc/linkd.
	otherPage = regexp.MustCompile(`\[[^\]]+\]\(\.\./([a-z-]+/[a-z-]+\.md)(?:#[^)]*)?\)`)
)

// manualText is the page without what only a page has.
func manualText(page string) string {
	page = pageOpening.ReplaceAllString(page, "")
	page = seeThere.ReplaceAllString(page, "")
	page = strings.Replace(page, "the column *default*", "its default", 1)
	page = otherPage.ReplaceAllString(page, "/usr/share/doc/linkd/$1")
	return pageLink.ReplaceAllString(page, "$1")
}

// cells are those of a line of a table.
func cells(line string) []string {
	const bar = "\x00"
	line = strings.ReplaceAll(strings.Trim(line, "| "), `\|`, bar)
	parts := strings.Split(line, "|")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(strings.ReplaceAll(part, bar, "|"))
	}
	return parts
}

// definition is a line of a table as a term and what it means. Of a key, the value goes with the term.
func definition(header, row []string) (term, meaning string) {
	if header[0] == "key" {
		term = "**" + strings.Trim(row[0], "`") + "**: " + row[1]
		switch absent := row[2]; absent {
		case "":
		case "required":
			term += "; required"
		default:
			term += "; default " + absent
		}
		return term, sentence(row[3])
	}
	var said []string
	for i, cell := range row[1:] {
		said = append(said, sentence(header[i+1]+": "+cell))
	}
	return "**" + row[0] + "**", strings.Join(said, " ")
}

// sentence makes one of what is said of a key. The program's name has no capital.
func sentence(text string) string {
	if !strings.HasPrefix(text, "linkd") {
		text = upper(text)
	}
	return strings.TrimSuffix(text, ".") + "."
}
