package main

import (
	"bytes"
	"fmt"
	"path/filepath"

	"linkd/pkg/doctor"
	"linkd/pkg/graph"
	"linkd/pkg/kind"
	"linkd/pkg/reference"
	"linkd/pkg/spec"
)

// generate returns the generated files of the directory docs by their names. Root is the project's directory.
func generate(root string) (map[string]string, error) {
	lang := kind.Language()
	var schema bytes.Buffer
	if err := reference.Write(&schema, lang); err != nil {
		return nil, fmt.Errorf("JSON Schema: %w", err)
	}
	picture, err := draw(lang, spec.ReadFile(filepath.Join(root, "examples/links.yaml")))
	if err != nil {
		return nil, err
	}
	files, err := pagePictures(lang, filepath.Join(root, "docs"))
	if err != nil {
		return nil, err
	}
	files["reference/files.md"] = reference.Page(lang)
	files["linkd.schema.json"] = schema.String()
	files["links.svg"] = picture
	files["reference/doctor.md"] = doctor.Page()
	return files, nil
}

// draw returns the picture of files, as `linkd graph --wanted --format svg` prints it.
func draw(lang spec.Language, files ...spec.File) (string, error) {
	lang.Samples = true
	desired, errs := spec.Compile(lang, files)
	if len(errs) > 0 {
		return "", errs
	}
	var remarks []string
	builder := graph.NewBuilder(func(remark string) { remarks = append(remarks, remark) })
	builder.AddDesired(desired)
	picture := graph.Formats[graph.SVG](builder.Picture())
	if len(remarks) > 0 {
		return "", fmt.Errorf("%q", remarks)
	}
	return picture, nil
}
