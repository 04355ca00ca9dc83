package engine

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"linkd/pkg/program"
	"linkd/pkg/spec"
)

// containerd runs ctr(8), which comes with containerd. The name and ID of a container are NAMESPACE/ID.
type containerd struct{}

var containerdDescription = description{
	scheme: "containerd", name: "containerd", noun: "container",
	advice: "install containerd with its program ctr, and start it (systemctl start containerd), or set CONTAINERD_ADDRESS for linkd to its socket",
}

// ctrTimeout is how long ctr may take for an answer.
const ctrTimeout = 10 * time.Second

// runCtr runs ctr in one of containerd's namespaces.
func runCtr(ctx context.Context, namespace string, args ...string) (string, error) {
	out, err := program.Run{Name: "ctr", Args: append([]string{"--namespace", namespace}, args...), Timeout: ctrTimeout, MaxOutput: maxOutput}.Output(ctx)
	return string(out), asCtrError(err)
}

// asCtrError returns the last line of what a failed ctr says.
func asCtrError(err error) error {
	if failed := (*program.Failure)(nil); errors.As(err, &failed) {
		lines := strings.Split(strings.TrimSpace(failed.Stderr), "\n")
		return fmt.Errorf("ctr: %s", cmp.Or(strings.TrimPrefix(lines[len(lines)-1], "ctr: "), failed.State.String()))
	}
	return err
}

// inspect looks for the task of a container: its first process. A container can exist without one.
func (containerd) inspect(ctx context.Context, value string) (state, error) {
	namespace, id, _ := strings.Cut(value, "/")
	tasks, err := runCtr(ctx, namespace, "tasks", "list")
	if err != nil {
		return state{}, err
	}
	s := state{id: value, name: value}
	for line := range strings.Lines(tasks) {
		// TASK, PID, STATUS.
		if words := strings.Fields(line); len(words) == 3 && words[0] == id {
			s.status = strings.ToLower(words[2])
			if s.status == "running" || s.status == "paused" {
				s.pid, err = strconv.Atoi(words[1])
			}
			return s, err
		}
	}
	containers, err := runCtr(ctx, namespace, "containers", "list", "--quiet")
	if err != nil {
		return state{}, err
	}
	for line := range strings.Lines(containers) {
		if strings.TrimSpace(line) == id {
			s.status = "not running"
			return s, nil
		}
	}
	return state{}, errUnknown
}

// containerdEvents are topics of containerd's events, and what they mean.
var containerdEvents = map[string]string{"/tasks/start": "start", "/tasks/exit": "die", "/tasks/delete": "die", "/containers/delete": "destroy"}

// settlePauses are the pauses after which an event stands for those that came before ctr events had begun to listen. It does not say
// when that is.
var settlePauses = []time.Duration{time.Second, 10 * time.Second}

// events reads the output of ctr events, for all namespaces.
func (containerd) events(ctx context.Context) (<-chan event, <-chan error) {
	events, broken := make(chan event), make(chan error, 1)
	go func() {
		for _, pause := range settlePauses {
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
			select {
			case events <- event{everything: true, action: "start"}:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		err := program.Run{Name: "ctr", Args: []string{"events"}}.Read(ctx, func(out io.Reader) error {
			lines := bufio.NewScanner(out)
			lines.Buffer(nil, maxEventSize)
			for lines.Scan() {
				e, ok := parseContainerdEvent(lines.Text())
				if !ok {
					continue
				}
				select {
				case events <- e:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return lines.Err()
		})
		broken <- asCtrError(cmp.Or(err, io.EOF))
	}()
	return events, broken
}

// parseContainerdEvent parses a line of ctr events: the time, of four words, the namespace, the topic and the event in JSON.
func parseContainerdEvent(line string) (e event, ok bool) {
	words := strings.SplitN(line, " ", 7)
	if len(words) < 7 || containerdEvents[words[5]] == "" {
		return e, false
	}
	var about struct {
		// OfTask is set in an event about a task, and ID in one about a container.
		OfTask string `json:"container_id"`
		ID     string `json:"id"`
	}
	err := json.Unmarshal([]byte(words[6]), &about)
	id := cmp.Or(about.OfTask, about.ID)
	if err != nil || id == "" {
		return e, false
	}
	name := words[4] + "/" + id
	return event{action: containerdEvents[words[5]], id: name, name: name}, true
}

func (containerd) withLabel(context.Context, string) ([]spec.Instance, error) {
	return nil, errors.New("linkd selects no containers of containerd by their labels")
}

func (containerd) ping(ctx context.Context) error {
	if _, err := exec.LookPath("ctr"); err != nil {
		return err
	}
	_, err := runCtr(ctx, "default", "version")
	return err
}

func (containerd) close() {}
