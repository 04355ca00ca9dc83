// Package trial lets files take effect for a trial, which ends with their installation or with everything as before.
//
// A trial is a property of where the daemon takes its files from. While one runs, Keeper.Load returns the files of the
// directory as they were at its start, with those of the trial in their places. It is in the memory of the daemon only: a
// daemon that is killed, or a machine that reboots, has forgotten it, and the next daemon loads the directory. Reverting a trial
// is loading the directory again.
package trial
