package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"linkd/pkg/spec"
)

// yamlFile matches a block of a page that is a file, and captures the path of the file and the block.
var yamlFile = regexp.MustCompile("(?ms)^```yaml[^\n]*\n(# (\\S+\\.yaml)\n.*?)^```$")

// pagePictures returns the pictures of the pages in docs by their names there, pictures/PAGE.svg. The picture of a page shows the
// first file on it that declares links, with the files before it that declare namespaces.
func pagePictures(lang spec.Language, docs string) (map[string]string, error) {
	pages, err := filepath.Glob(filepath.Join(docs, "*", "*.md"))
	if err != nil {
		return nil, err
	}
	// The page about a fleet shows its first machine.
	lang.Node = func() *spec.Node {
		return &spec.Node{Name: "n1", Labels: map[string]string{"rack": "a", "number": "1"}}
	}
	pictures := map[string]string{}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			return nil, err
		}
		name := "pictures/" + strings.TrimSuffix(filepath.Base(page), ".md") + ".svg"
		if !strings.Contains(string(text), "](../"+name+")") {
			continue
		}
		if pictures[name], err = draw(lang, filesToDraw(string(text))...); err != nil {
			return nil, fmt.Errorf("%s: %w", page, err)
		}
	}
	return pictures, nil
}

// filesToDraw returns the files of a page up to the first one that declares links.
func filesToDraw(page string) (files []spec.File) {
	for _, m := range yamlFile.FindAllStringSubmatch(page, -1) {
		links := strings.Contains(m[1], "\nlinks:\n")
		if links || strings.Contains(m[1], "\nnamespaces:\n") {
			files = append(files, spec.File{Path: m[2], Text: []byte(m[1])})
		}
		if links {
			break
		}
	}
	return files
}
