package report

import (
	"context"
	"fmt"
	"io"
	"time"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
)

// patience is how long a command takes before it says how far it is. RedrawPause is the time between two drawings.
const (
	patience    = time.Second
	RedrawPause = 200 * time.Millisecond
)

// Progress is one line on a terminal that says how far a command is. It is drawn in place, and not before the command has
// taken a second. One goroutine uses it.
type Progress struct {
	out   io.Writer
	width func() int
	since time.Time
	drawn bool
}

// NewProgress begins a progress line on a terminal of that width; a nil out draws nothing.
func NewProgress(out io.Writer, width func() int) *Progress {
	return &Progress{out: out, width: width, since: time.Now()}
}

// Due waits until the command has taken a second, and reports whether a line can be drawn then; not if ctx has ended.
func (p *Progress) Due(ctx context.Context) bool {
	if p.out == nil {
		return false
	}
	select {
	case <-time.After(time.Until(p.since.Add(patience))):
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// Draw draws the line anew, if the command has taken a second.
func (p *Progress) Draw(at reconcile.Progress) {
	if time.Since(p.since) >= patience {
		p.Show(ProgressLine(at))
	}
}

// Show draws a line of its own at once.
func (p *Progress) Show(line string) {
	if p.out == nil {
		return
	}
	p.drawn = true
	// In the last column some terminals wrap the line.
	fmt.Fprintf(p.out, "\r%s\x1b[K", Cut(plain.Text(line), max(p.width()-1, 1)))
}

// Draws reports whether there is a terminal to draw on.
func (p *Progress) Draws() bool { return p.out != nil }

// Clear removes the line.
func (p *Progress) Clear() {
	if p.drawn {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = false
	}
}

// ProgressLine returns how far a command is, in one line.
func ProgressLine(at reconcile.Progress) string {
	line := fmt.Sprintf("%d/%d done", at.Done, at.Total)
	if at.Total == 0 {
		line = "looking at the namespaces"
	}
	if at.Waiting != "" {
		line += ", waiting for " + at.Waiting
	}
	return line
}
