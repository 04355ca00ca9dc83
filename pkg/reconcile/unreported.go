package reconcile

import "time"

// unreported is the record of what the daemon did after it read changed files, until a reload reports it: the daemon notices a
// change itself, and may have applied it before somebody who wrote the file can ask for a reload.
type unreported struct {
	record *Record
	// since is the time of the last load.
	since time.Time
}

// unreportedTime is how long after a load a reload still reports what was done for it.
const unreportedTime = time.Minute

// begin begins the record, or goes on with it, at a load.
func (u *unreported) begin(e *Engine) {
	now := e.now()
	if u.record != nil && now.Sub(u.since) > unreportedTime {
		e.EndRecord(u.record)
		u.record = nil
	}
	if u.since = now; u.record == nil {
		u.record = e.Record()
		return
	}
	e.EndRecord(u.record)
	e.records = append(e.records, u.record)
}

// recordReload returns the record for a reload that begins now.
func (l *Loop) recordReload() *Record {
	l.unreported.begin(l.Engine)
	return l.unreported.record
}

// endRecord ends the record of a reload that is answered.
func (l *Loop) endRecord(r *Record) {
	l.Engine.EndRecord(r)
	if l.unreported.record == r {
		l.unreported.record = nil
	}
}
