package spec

// DecodeFile decodes a file that is not one of the configuration, such as fleet.yaml, into the struct that into points to, as strictly
// and with the same errors. A file without a document is an error.
func DecodeFile(f File, into any) Errors {
	roots, errs := parse(f)
	switch {
	case len(errs) > 0:
	case len(roots) == 0:
		errs = Errors{{Source: Source{File: f.Path}, Message: "the file is empty"}}
	case len(roots) > 1:
		errs = Errors{{Source: at(f.Path, roots[1].Node), Message: "the file has more than one document"}}
	default:
		(&Context{file: f.Path, node: roots[0].Node, errs: &errs}).Decode(roots[0].Node, into)
	}
	errs = errs.sorted()
	errs.addExcerpts([]File{f})
	return errs
}
