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
	picture, err := draw(lang, filepath.Join(root, "examples/links.yaml"))
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"reference/files.md":  reference.Page(lang),
		"linkd.schema.json":   schema.String(),
		"links.svg":           picture,
		"reference/doctor.md": doctor.Page(),
	}, nil
}

// draw returns the picture at the beginning of the README, as SVG.
func draw(lang spec.Language, example string) (string, error) {
	desired, errs := spec.Compile(lang, []spec.File{spec.ReadFile(example)})
	if len(errs) > 0 {
		return "", errs
	}
	var remarks []string
	builder := graph.NewBuilder(func(remark string) { remarks = append(remarks, remark) })
	builder.AddDesired(desired)
	picture := graph.Formats[graph.SVG](builder.Picture())
	if len(remarks) > 0 {
		return "", fmt.Errorf("picture of %s: %q", example, remarks)
	}
	return picture, nil
}
