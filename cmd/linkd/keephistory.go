package main

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"linkd/pkg/history"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
	"linkd/pkg/spec"
)

// noHistoryWarning is logged if linkd cannot write the history, without which it goes on.
const noHistoryWarning = "cannot keep the history"

// addToHistory adds what is in force after a command to the history: the files that it applied, and those of the newest state
// that made resources which the command left alone.
func (o *options) addToHistory(a application, began time.Time, done report.Result, status *reconcile.Status) error {
	store := history.Open(o.historyDir())
	files, err := filesInForce(store, a.files, status.Left)
	if err != nil {
		return err
	}
	if len(files) == 0 && done == (report.Result{}) {
		return nil
	}
	_, err = store.Add(files, history.Entry{
		Time: began, Cause: a.cause, Digest: history.Digest(files), State: status.State,
		Created: done.Created, Changed: done.Changed, Deleted: done.Deleted,
	})
	return err
}

// filesInForce returns files, with absolute paths, and those of the newest state that made the resources that are left alone.
func filesInForce(store *history.Store, applied []spec.File, left []reconcile.LeftResource) (files []spec.File, err error) {
	there := map[string]bool{}
	for _, f := range applied {
		if f.Path, err = filepath.Abs(f.Path); err != nil {
			return nil, err
		}
		there[f.Path] = true
		files = append(files, spec.File{Path: f.Path, Text: f.Text})
	}
	made := map[string]bool{}
	for _, r := range left {
		for _, path := range r.Files {
			made[path] = true
		}
	}
	// What is damaged in the history does not keep a new state out.
	entries, _ := store.Entries()
	if len(entries) == 0 {
		return files, nil
	}
	before, _ := store.Files(entries[len(entries)-1].Number)
	before = slices.DeleteFunc(before, func(f spec.File) bool { return !made[f.Path] || there[f.Path] })
	if len(before) == 0 {
		// The daemon reads them in this order, and so it is the same state.
		return files, nil
	}
	files = append(files, before...)
	slices.SortStableFunc(files, func(a, b spec.File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}
