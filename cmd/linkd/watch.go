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
	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
)

const (
	// redrawPause is how long a picture is left alone: nobody reads faster, and a status of thousands of lines costs the
	// daemon something.
	redrawPause = 100 * time.Millisecond
	// reconnectPause is how often a daemon that has gone away is looked for.
	reconnectPause = 200 * time.Millisecond
)

// update is the last that is known: how everything stood, and why that may not be so any more.
type update struct {
	status  *reconcile.Status
	trouble error
}

// watch shows the status again whenever it changes, until it is interrupted: in place on a terminal, and else one after
// the other. A daemon that goes away is waited for.
func (o *options) watch(ctx context.Context, client *control.Client, ids []string) error {
	first, err := client.Status(ctx)
	if err != nil {
		return daemonError(err)
	}
	updates := make(chan update)
	go follow(ctx, client, first, updates)
	if isTerminal(os.Stdout) && os.Getenv("TERM") != "dumb" && !o.json() {
		return o.watchInPlace(ctx, ids, updates)
	}
	for g := range updates {
		if g.trouble != nil {
			fmt.Fprintf(stderr, "%v: waiting for it to come back\n", g.trouble)
			continue
		}
		only, _ := g.status.Only(ids)
		o.printStatus(os.Stdout, only)
	}
	return nil
}

// follow sends what is known whenever it is something else, until ctx ends.
func follow(ctx context.Context, client *control.Client, status *reconcile.Status, to chan<- update) {
	defer close(to)
	send := func(g update) bool {
		select {
		case to <- g:
			return pause(ctx, redrawPause)
		case <-ctx.Done():
			return false
		}
	}
	more := send(update{status: status})
	for more {
		next, err := client.Changed(ctx, status)
		gone := false
		for err != nil && ctx.Err() == nil {
			// A connection that breaks is not the end of the daemon; that nobody answers is.
			if errors.Is(err, control.ErrNoDaemon) && !gone {
				gone = true
				send(update{status, err})
			}
			pause(ctx, reconnectPause)
			next, err = client.Status(ctx)
		}
		if err != nil {
			return
		}
		if gone || !sameStanding(status, next) {
			more = send(update{status: next})
		}
		status = next
	}
}

// sameStanding tells whether two statuses differ in nothing but how much was done.
func sameStanding(a, b *reconcile.Status) bool {
	return a.State == b.State && slices.Equal(a.Resources, b.Resources) && slices.Equal(a.Files, b.Files) &&
		reflect.DeepEqual(a.Warnings, b.Warnings)
}

// What a terminal is told (ECMA-48; xterm's control sequences): another screen that leaves what was on this one as it
// was, without a cursor; and to draw over what is there instead of clearing it first, which flickers.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	cursorHome  = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

func (o *options) watchInPlace(ctx context.Context, ids []string, updates <-chan update) error {
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
		picture := o.picture(update{only, last.trouble}, rows, columns, coloured(os.Stdout))
		if _, err := os.Stdout.WriteString(picture); err != nil {
			return exit(exitFailed, err)
		}
	}
}

func screenSize(f *os.File) (rows, columns int) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Row == 0 || size.Col == 0 {
		return 24, 80
	}
	return int(size.Row), int(size.Col)
}

// picture is what to write to a terminal of that size: first how the whole stands, and what is not as wanted before what
// is. What does not fit is counted.
func (o *options) picture(g update, rows, columns int, colour bool) string {
	status := *g.status
	status.Resources = slices.Clone(status.Resources)
	slices.SortStableFunc(status.Resources, func(a, b reconcile.ResourceStatus) int { return rank(a.State) - rank(b.State) })
	lines := []string{summary(&status)}
	if g.trouble != nil {
		lines = append(lines, "as it last was: "+g.trouble.Error())
	}
	lines = append(lines, troubleLines(&status)...)
	top := len(lines)
	lines = append(lines, tableLines(&status)...)
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
		// In the last column some terminals wrap, and others clear it with what is right of it.
		line = strings.TrimRight(text.Trim(plain.Text(line), max(columns-1, 1)), " ")
		if colour && i >= top {
			line = painted(line)
		}
		b.WriteString(line + clearLine)
	}
	b.WriteString(clearBelow)
	return b.String()
}

// rank puts first what somebody has to do something about.
func rank(s reconcile.State) int {
	return slices.Index([]reconcile.State{reconcile.Failed, reconcile.Flapping, reconcile.Blocked, reconcile.Pending, reconcile.OK}, s)
}
