package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/sys/unix"

	"linkd/pkg/control"
	"linkd/pkg/pause"
	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
)

const (
	// redrawPause is the shortest time between two statuses. Nobody reads faster, and a status of thousands of lines costs
	// the daemon time.
	redrawPause = 100 * time.Millisecond
	// reconnectPause is the time between two attempts to reach a daemon that stopped.
	reconnectPause = 200 * time.Millisecond
)

// update is the last known status, and the error because of which it may be out of date; nil if the daemon answers.
type update struct {
	status *reconcile.Status
	err    error
}

// watch prints the status again whenever it changes, until ctx ends. On a terminal it redraws the status in place; elsewhere
// it prints one below the other. When the daemon stops, watch waits for the next one.
func (o *options) watch(ctx context.Context, client *control.Client, ids []string, all bool) error {
	first, err := client.Status(ctx)
	if err != nil {
		return daemonError(err)
	}
	updates := make(chan update)
	go follow(ctx, client, first, updates)
	if isTerminal(os.Stdout) && os.Getenv("TERM") != "dumb" && !o.json() {
		return o.watchInPlace(ctx, ids, all, updates)
	}
	for u := range updates {
		if u.err != nil {
			fmt.Fprintf(stderr, "%v: waiting for it to come back\n", u.err)
			continue
		}
		if err := o.printStatus(u.status, ids, all); err != nil {
			return exit(exitFailed, err)
		}
	}
	return nil
}

// follow sends an update for each new status, and one when the daemon stops. It closes the channel when ctx ends.
func follow(ctx context.Context, client *control.Client, status *reconcile.Status, to chan<- update) {
	defer close(to)
	send := func(u update) bool {
		select {
		case to <- u:
			return pause.For(ctx, redrawPause)
		case <-ctx.Done():
			return false
		}
	}
	more := send(update{status: status})
	for more {
		next, err := client.Changed(ctx, status)
		gone := false
		for err != nil && ctx.Err() == nil {
			// A broken connection does not mean that the daemon has stopped; a refused one does.
			if errors.Is(err, control.ErrNoDaemon) && !gone {
				gone = true
				send(update{status, err})
			}
			pause.For(ctx, reconnectPause)
			next, err = client.Status(ctx)
		}
		if err != nil {
			return
		}
		if gone || !sameStates(status, next) {
			more = send(update{status: next})
		}
		status = next
	}
}

// sameStates reports whether two statuses differ only in their counters and times.
func sameStates(a, b *reconcile.Status) bool {
	return a.State == b.State && slices.Equal(a.Resources, b.Resources) && slices.Equal(a.Files, b.Files) &&
		reflect.DeepEqual(a.Warnings, b.Warnings)
}

// Control sequences of terminals (ECMA-48; xterm's "XTerm Control Sequences"). watch draws on the alternate screen, so that
// the terminal shows its earlier content afterwards. It draws over the old text, because clearing the screen flickers.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	cursorHome  = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// watchInPlace redraws the terminal for each update, and when its size changes.
func (o *options) watchInPlace(ctx context.Context, ids []string, all bool, updates <-chan update) error {
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH, syscall.SIGCONT)
	defer signal.Stop(resized)
	fmt.Print(enterScreen)
	defer fmt.Print(leaveScreen)
	var last update
	for open := true; ; {
		select {
		case last, open = <-updates:
		case <-resized:
		}
		if !open {
			return nil
		}
		if last.status == nil {
			continue
		}
		only, _ := last.status.Only(ids)
		rows, columns := screenSize(os.Stdout)
		screen := screen(update{only, last.err}, rows, columns, all || len(ids) > 0, coloured(os.Stdout))
		if _, err := os.Stdout.WriteString(screen); err != nil {
			return exit(exitFailed, err)
		}
	}
}

// screenSize returns the size of the terminal f; 24 by 80 if the kernel does not know it.
func screenSize(f *os.File) (rows, columns int) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Row == 0 || size.Col == 0 {
		return 24, 80
	}
	return int(size.Row), int(size.Col)
}

// screen returns what to write to a terminal of that size: the summary, the problems, and with all the resources, those first
// that need attention. If not all lines fit, the last one says how many are left out.
func screen(u update, rows, columns int, all, colour bool) string {
	status := *u.status
	status.Resources = slices.Clone(status.Resources)
	slices.SortStableFunc(status.Resources, func(a, b reconcile.ResourceStatus) int { return report.Rank(a.State) - report.Rank(b.State) })
	// In the last column some terminals wrap the line, and others clear that column together with the rest.
	style := report.Style{Width: max(columns-1, 1), Colour: colour}
	lines := report.Status(&status, style)
	if u.err != nil {
		lines = slices.Insert(lines, 1, "last known state: "+plain.Text(u.err.Error()))
	}
	if all && len(status.Resources) > 0 {
		lines = append(append(lines, ""), tableLines(&status, style)...)
	}
	lines = append(lines, probeBlock(&status, style)...)
	if len(lines) > rows {
		shown := max(rows-1, 0)
		lines = append(lines[:shown], fmt.Sprintf("... and %d more", len(lines)-shown))
	}
	var b strings.Builder
	b.WriteString(cursorHome)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(text.Trim(line, style.Width) + clearLine)
	}
	b.WriteString(clearBelow)
	return b.String()
}
