package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"linkd/pkg/kind"
	"linkd/pkg/plain"
	"linkd/pkg/spec"
)

func newValidate(o *options) *cobra.Command {
	var replacing string
	var strict bool
	cmd := &cobra.Command{
		Use:   "validate [FILE...]",
		Short: "Check files; needs neither root nor a daemon",
		Long: "Check the named files, or those of --config if none is named. With --replacing PATH, check the one FILE together with " +
			"those of --config, as if it were at PATH. validate prints each error as FILE:LINE:COLUMN: message, and what is valid " +
			"but probably a mistake as FILE:LINE:COLUMN: warning: message. The exit status is 0 if all files are valid, 2 if not. " +
			"With --strict it is 2 after a warning, too.",
		ValidArgsFunction: completeFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := readInterruptibly(cmd.Context(), func() ([]spec.File, error) { return o.filesToCheck(args, replacing) })
			if err != nil {
				return exit(exitInvalid, err)
			}
			lang := kind.Language()
			lang.Node = o.self
			lang.HostHas = hostHas
			desired, errs := spec.Compile(lang, files)
			if o.json() {
				err = printChecked(desired.Warnings, errs)
			} else {
				printWarnings(desired.Warnings, errs)
				err = o.invalid(errs)
			}
			if err == nil && strict && len(desired.Warnings) > 0 {
				return exit(exitInvalid, nil)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&replacing, "replacing", "", "check FILE as if it were at this `PATH`")
	cmd.Flags().BoolVar(&strict, "strict", false, "exit with status 2 after a warning")
	cobra.CheckErr(cmd.MarkFlagFilename("replacing", "yaml", "yml"))
	return cmd
}

// hostHas reports whether the namespace of this process has an interface. If it cannot tell, it says yes.
func hostHas(name string) bool {
	all, err := net.Interfaces()
	return err != nil || slices.ContainsFunc(all, func(i net.Interface) bool { return i.Name == name })
}

// readInterruptibly calls read, and returns early when ctx ends: reading a pipe may block forever. read then continues on
// its goroutine until the program exits.
func readInterruptibly(ctx context.Context, read func() ([]spec.File, error)) (files []spec.File, err error) {
	done := make(chan struct{})
	go func() {
		files, err = read()
		close(done)
	}()
	select {
	case <-done:
		return files, err
	case <-ctx.Done():
		return nil, errors.New("interrupted while reading the files")
	}
}

// filesToCheck returns the files that args name or, if there are none, those of --config. With replacing, it returns those
// of --config with the one named file in the place of that path.
func (o *options) filesToCheck(args []string, replacing string) ([]spec.File, error) {
	if replacing == "" {
		if len(args) > 0 {
			files := make([]spec.File, len(args))
			for i, name := range args {
				files[i] = spec.ReadFile(name)
			}
			return files, nil
		}
		return o.read(spec.ReadToLook)
	}
	if len(args) != 1 {
		return nil, fmt.Errorf("--replacing takes one FILE, not %d", len(args))
	}
	files, err := o.read(spec.ReadToLook)
	if err != nil {
		return nil, err
	}
	path := filepath.Clean(replacing)
	candidate := spec.ReadFile(args[0])
	candidate.Path = path
	for i := range files {
		if files[i].Path == path {
			files[i] = candidate
			return files, nil
		}
	}
	return append(files, candidate), nil
}

// invalid returns the errors of the files as an error with its exit code; nil if there are none. With -o json it prints
// them.
func (o *options) invalid(errs spec.Errors) error {
	switch {
	case len(errs) == 0:
		return nil
	case o.json():
		return printChecked(nil, errs)
	}
	return exit(exitInvalid, errors.New(errs.WithExcerpts()))
}

// printWarnings prints warnings, unless there are errors: what a file with an error declares may be what a warning misses.
func printWarnings(warnings spec.Warnings, errs spec.Errors) {
	if len(errs) > 0 {
		return
	}
	for _, line := range warnings.Lines() {
		printMessage(plain.Text(line))
	}
}

// printChecked writes errors and warnings as JSON. It returns an error without a message if there are errors.
func printChecked(warnings spec.Warnings, errs spec.Errors) error {
	type located struct {
		File    string `json:"file"`
		Line    int    `json:"line"`
		Column  int    `json:"column"`
		Message string `json:"message"`
	}
	out := struct {
		Version  int       `json:"version"`
		Errors   []located `json:"errors"`
		Warnings []located `json:"warnings,omitempty"`
	}{Version: 1, Errors: []located{}}
	for _, e := range errs {
		out.Errors = append(out.Errors, located{e.File, e.Line, e.Column, e.Message})
	}
	for _, w := range warnings {
		out.Warnings = append(out.Warnings, located{w.File, w.Line, w.Column, w.Message})
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
	if len(errs) > 0 {
		return exit(exitInvalid, nil)
	}
	return nil
}

// compileWithin does the same as compileValid. Unless prune is set, what files outside of --config made stays.
func (o *options) compileWithin(files []spec.File, prune bool) (*spec.Desired, error) {
	desired, err := o.compileValid(files)
	desired.Within = o.within(prune)
	return desired, err
}

// loadValid reads and compiles the files. It fails if one of them is invalid.
func (o *options) loadValid(ctx context.Context, read func(paths []string) ([]spec.File, error)) (*spec.Desired, error) {
	files, err := readInterruptibly(ctx, func() ([]spec.File, error) { return o.read(read) })
	if err != nil {
		return nil, exit(exitInvalid, err)
	}
	return o.compileValid(files)
}

// compileValid compiles the files. It prints warnings, the containers that do not fit their template, and why linkd removes
// nothing for now. It fails if one of the files is invalid.
func (o *options) compileValid(files []spec.File) (*spec.Desired, error) {
	desired, errs := spec.Compile(o.language(), files)
	printWarnings(desired.Warnings, errs)
	for _, m := range desired.Misfits {
		fmt.Fprintln(stderr, plain.Text(m.String()))
	}
	if desired.Unknown != nil {
		fmt.Fprintln(stderr, "linkd removes nothing for now:", desired.Unknown)
	}
	return desired, o.invalid(errs)
}
