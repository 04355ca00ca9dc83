package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/control"
	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/report"
	"linkd/pkg/trial"
)

// trialView shows a trial to who began it, and reads what that user types. One goroutine uses it.
type trialView struct {
	o      *options
	client *control.Client
	// lasts is how long the trial lasts, and deadline when it ends by the clock that nobody sets.
	lasts    time.Duration
	deadline time.Time
	// working: the daemon is changing the system.
	working bool
	// ending: linkd try has told the daemon to end the trial.
	ending bool
	typed  chan string
	line   *report.Progress
	ticker *time.Ticker
}

// step shows a step. It returns true and the exit status after the last one.
func (v *trialView) step(s trial.Step) (done bool, err error) {
	v.line.Clear()
	if v.o.json() {
		err = v.encode(s)
	} else {
		err = v.print(s)
	}
	if err != nil {
		return true, exit(exitFailed, err)
	}
	v.working = s.Step == "begun"
	switch s.Step {
	case "begun":
		v.begin()
	case "confirmed":
		return true, nil
	case "reverted":
		return true, exit(exitFailed, nil)
	case "invalid":
		return true, exit(exitInvalid, v.unlessJSON(s.Reason))
	case "refused":
		return true, exit(exitInvalid, v.unlessJSON("another trial runs, or none can: "+s.Reason))
	}
	return false, nil
}

func (v *trialView) unlessJSON(text string) error {
	if v.o.json() {
		return nil
	}
	return errors.New(text)
}

func (v *trialView) encode(s trial.Step) error {
	out := struct {
		trial.Step
		Result *report.Result `json:"result,omitempty"`
	}{Step: s}
	if s.Status != nil {
		result := report.Count(s.Changes, s.More)
		out.Result = &result
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

func (v *trialView) print(s trial.Step) error {
	switch s.Step {
	case "begun":
		fmt.Fprintf(stdout, "trying the files until %s\n", s.Deadline.Local().Format("15:04:05"))
	case "applied":
		if err := printStep(s); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s\nkeep the files with `linkd confirm`, or end the trial with `linkd revert`\n", report.Summary(s.Status))
	case "confirmed":
		for _, f := range s.Files {
			fmt.Fprintf(stdout, "installed %s\n", plain.Text(f))
		}
		if len(s.Changes) > 0 {
			if err := printStep(s); err != nil {
				return err
			}
		}
		fmt.Fprintf(stdout, "confirmed %s\n", plain.Text(s.Reason))
	case "reverted":
		if err := printStep(s); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "reverted: %s\n", plain.Text(s.Reason))
	}
	return nil
}

// printStep writes what the daemon did in a step, and the problems that are left.
func printStep(s trial.Step) error {
	if s.Status == nil {
		return nil
	}
	if err := printChanges(s.Changes, report.Count(s.Changes, s.More).Done(s.Status)); err != nil {
		return err
	}
	if problems := report.Problems(s.Status, styleOn(os.Stdout)); len(problems) > 0 {
		return printLines(os.Stdout, append(append([]string{""}, problems...), ""))
	}
	return nil
}

// printTrial prints which trial runs, if any.
func printTrial(w io.Writer, t *reconcile.Trial) {
	if t == nil {
		return
	}
	fmt.Fprintf(w, "trial: %s tries %s until %s; changes to the directory take effect after that\n", plain.Text(t.By), plain.Text(strings.Join(t.Files, ", ")),
		t.Deadline.Local().Format("15:04:05"))
}

// begin starts to read the terminal and to count down. Where standard input is none, only `linkd confirm` confirms.
func (v *trialView) begin() {
	v.deadline = time.Now().Add(v.lasts)
	if v.line.Draws() && !v.o.json() {
		v.ticker = time.NewTicker(time.Second)
	}
	if !isTerminal(os.Stdin) {
		return
	}
	// What was typed before the trial is no confirmation.
	_ = unix.IoctlSetInt(int(os.Stdin.Fd()), unix.TCFLSH, unix.TCIFLUSH)
	v.typed = make(chan string)
	go func() {
		defer close(v.typed)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			v.typed <- strings.TrimSpace(in.Text())
		}
	}()
}

// lines delivers what is typed. It is closed when the terminal is gone.
func (v *trialView) lines() <-chan string { return v.typed }

func (v *trialView) tick() <-chan time.Time {
	if v.ticker == nil {
		return nil
	}
	return v.ticker.C
}

// draw draws how far the daemon is while it works, and how long the trial lasts.
func (v *trialView) draw(ctx context.Context) {
	left := max(0, time.Until(v.deadline).Round(time.Second))
	if !v.working && !v.ending {
		how := "`linkd confirm` keeps the files"
		if v.typed != nil {
			how = "ENTER keeps the files, ^C reverts them"
		}
		v.line.Show(fmt.Sprintf("%s; they are reverted in %s ", how, left))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, report.RedrawPause)
	defer cancel()
	text := "waiting for the daemon"
	if at, err := v.client.Progress(ctx); err == nil {
		text = report.ProgressLine(*at)
	}
	if !v.ending {
		text = fmt.Sprintf("reverted in %s; %s", left, text)
	}
	v.line.Show(text)
}

func (v *trialView) say(text string) {
	v.line.Clear()
	printMessage(plain.Text(text))
}

func (v *trialView) close() {
	v.line.Clear()
	if v.ticker != nil {
		v.ticker.Stop()
	}
}
