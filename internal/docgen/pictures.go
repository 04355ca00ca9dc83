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
// first file on it that declares links. A page that shows none has no picture.
func pagePictures(lang spec.Language, docs string) (map[string]string, error) {
	pages, err := filepath.Glob(filepath.Join(docs, "*", "*.md"))
	if err != nil {
		return nil, err
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
		for _, m := range yamlFile.FindAllStringSubmatch(string(text), -1) {
			if pictures[name] == "" && strings.Contains(m[1], "\nlinks:\n") {
				if pictures[name], err = draw(lang, spec.File{Path: m[2], Text: []byte(m[1])}); err != nil {
					return nil, fmt.Errorf("%s: %w", page, err)
				}
			}
		}
		if pictures[name] == "" {
			return nil, fmt.Errorf("%s shows %s, but no file that declares links", page, name)
		}
	}
	return pictures, nil
}
