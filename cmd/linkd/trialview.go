package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"linkd/pkg/plain"
	"linkd/pkg/reconcile"
	"linkd/pkg/trial"
)

// trialView shows a trial to who began it, and reads what that user types. One goroutine uses it.
type trialView struct {
	o        *options
	by       string
	deadline time.Time
	typed    chan string
	ticker   *time.Ticker
	counting bool // the last line on the terminal is the countdown
}

// step shows a step. It returns true and the exit status after the last one.
func (v *trialView) step(s trial.Step) (done bool, err error) {
	v.clearLine()
	if v.o.json() {
		_ = json.NewEncoder(os.Stdout).Encode(s)
	} else {
		v.print(s)
	}
	switch s.Step {
	case "begun":
		v.begin(s)
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

func (v *trialView) print(s trial.Step) {
	switch s.Step {
	case "begun":
		fmt.Fprintf(stdout, "trying the files until %s\n", s.Deadline.Local().Format("15:04:05"))
	case "applied":
		printOps(s.Ops)
		for _, p := range s.Problems {
			fmt.Fprintf(stdout, "%s  %s  %s\n", p.State, p.ID, plain.Text(p.Reason))
		}
		fmt.Fprintf(stdout, "%s; confirm with `linkd confirm`, or end the trial with `linkd revert`\n", s.State)
	case "confirmed":
		for _, f := range s.Files {
			fmt.Fprintf(stdout, "installed %s\n", plain.Text(f))
		}
		fmt.Fprintf(stdout, "confirmed %s\n", plain.Text(s.Reason))
	case "reverted":
		printOps(s.Ops)
		fmt.Fprintf(stdout, "reverted: %s\n", plain.Text(s.Reason))
	}
}

// printTrial prints which trial runs, if any.
func printTrial(w io.Writer, t *reconcile.Trial) {
	if t == nil {
		return
	}
	fmt.Fprintf(w, "trial: %s tries %s until %s; changes to the directory take effect after that\n", plain.Text(t.By), plain.Text(strings.Join(t.Files, ", ")),
		t.Deadline.Local().Format("15:04:05"))
}

// printOps prints what linkd did, and how much that is.
func printOps(ops []trial.Op) {
	signs := map[string]string{"create": "+", "delete": "-"}
	counts := map[string]int{}
	for _, op := range ops {
		sign := signs[op.Op]
		if sign == "" {
			sign = "~"
		}
		if op.Error != "" {
			continue
		}
		counts[sign]++
		fmt.Fprintf(stdout, "%s %s\n", sign, op.ID)
	}
	fmt.Fprintf(stdout, "%d created, %d changed, %d deleted\n", counts["+"], counts["~"], counts["-"])
}

// begin starts to read the terminal and to count down. Where standard input is none, only `linkd confirm` confirms.
func (v *trialView) begin(s trial.Step) {
	v.deadline = s.Deadline
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
	if isTerminal(os.Stderr) && !v.o.json() {
		v.ticker = time.NewTicker(time.Second)
		v.countDown()
	}
}

// lines delivers what is typed. It is closed when the terminal is gone.
func (v *trialView) lines() <-chan string { return v.typed }

func (v *trialView) tick() <-chan time.Time {
	if v.ticker == nil {
		return nil
	}
	return v.ticker.C
}

func (v *trialView) countDown() {
	left := max(0, time.Until(v.deadline).Round(time.Second))
	fmt.Fprintf(os.Stderr, "\r\x1b[KENTER keeps the files, ^C reverts them; they are reverted in %s ", left)
	v.counting = true
}

func (v *trialView) clearLine() {
	if v.counting {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
		v.counting = false
	}
}

func (v *trialView) say(text string) {
	v.clearLine()
	fmt.Fprintln(stderr, text)
}

// reverting notes that the trial was told to end. It reads no more; the last step is still to come.
func (v *trialView) reverting(err error) {
	v.typed = nil
	if err != nil {
		v.say(plain.Text(err.Error()))
	}
}

func (v *trialView) close() {
	v.clearLine()
	if v.ticker != nil {
		v.ticker.Stop()
	}
}
