// Package web serves the page of `linkd web`: the wiring as a picture, what is wrong and why, what has happened, the probes, the
// trial and the history. It has the rights of the user who runs it: what it knows of the daemon comes over the control socket, and it
// looks at the machine itself for the rest. It changes nothing but to confirm or revert a trial.
//
// One Feed follows the daemon for all pages, and only while a page is open. A page gets the state by server-sent events, and fetches
// the wiring when that has changed.
package web
