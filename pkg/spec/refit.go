package spec

import "slices"

// refit returns the present content of files to force that fits the last valid content of others: a file may need a namespace of
// one that is kept. A file that contradicts another one stays out, because linkd does not choose between the two. work is how many
// bytes it may compile. fit has the files.
func (k *Loader) refit(files, inForce []File, desired *Desired, errs Errors, work int) (_ *Desired, _ []File, fit map[string]bool) {
	fit = map[string]bool{}
	wrong, present := errs.byFile(), byPath(files)
	for _, f := range inForce {
		if _, is := present[f.Path]; !is {
			// The last valid content of all is in force, because a file that is gone is needed.
			return desired, inForce, fit
		}
	}
	for progress := true; progress; {
		progress = false
		for _, f := range files {
			contradicts := slices.ContainsFunc(wrong[f.Path], func(e *Error) bool { return len(e.Also) > 0 })
			if len(wrong[f.Path]) == 0 || f.Err != nil || fit[f.Path] || contradicts {
				continue
			}
			next := with(files, inForce, f)
			if work -= size(next); work < 0 {
				return desired, inForce, fit
			}
			if compiled, left := Compile(k.lang, next); len(left) == 0 {
				desired, inForce, fit[f.Path], progress = compiled, next, true, true
			}
		}
	}
	return desired, inForce, fit
}

// with returns the files in force with the present content of one, in the order of the present files.
func with(files, inForce []File, one File) (next []File) {
	used, present := byPath(inForce), byPath(files)
	for _, f := range files {
		if f.Path == one.Path {
			next = append(next, one)
		} else if u, is := used[f.Path]; is {
			next = append(next, u)
		}
	}
	for _, f := range inForce {
		if _, is := present[f.Path]; !is {
			next = append(next, f)
		}
	}
	return next
}
