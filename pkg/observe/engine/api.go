package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	messages "github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"

	"linkd/pkg/spec"
)

// api is an engine that is asked by the Docker Engine API (https://docs.docker.com/reference/api/engine).
type api struct {
	*client.Client
	host string
}

// newAPI is the API at host, a URL; "" is what the environment says (DOCKER_HOST and its like), or Docker's own socket.
func newAPI(host string) (api, error) {
	c, err := newClient(host, nil)
	return api{c, host}, err
}

func (a api) ask(ctx context.Context, value string) (state, error) {
	answer, err := a.ContainerInspect(ctx, value, client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) {
		return state{}, errUnknown
	}
	if err != nil {
		return state{}, err
	}
	now := answer.Container
	s := state{id: now.ID, name: strings.TrimPrefix(now.Name, "/"), is: "not running"}
	if now.State != nil {
		s.is, s.started = string(now.State.Status), now.State.StartedAt
		if now.State.Running {
			s.pid = now.State.Pid
		}
	}
	if now.NetworkSettings != nil && s.pid != 0 {
		s.sandbox = now.NetworkSettings.SandboxKey
	}
	return s, nil
}

func (a api) labelled(ctx context.Context, label string) (found []spec.Instance, err error) {
	filters := make(client.Filters).Add("label", label)
	answer, err := a.ContainerList(ctx, client.ContainerListOptions{Filters: filters})
	owners := map[string]string{}
	// The oldest comes first: of two that cannot be there both, a newcomer is left out.
	slices.SortStableFunc(answer.Items, func(a, b container.Summary) int {
		return cmp.Or(cmp.Compare(a.Created, b.Created), slices.Compare(a.Names, b.Names))
	})
	for _, c := range answer.Items {
		if len(c.Names) > 0 {
			found = append(found, spec.Instance{Name: strings.TrimPrefix(c.Names[0], "/"), ID: c.ID, Labels: c.Labels})
			if owner, shares := strings.CutPrefix(c.HostConfig.NetworkMode, "container:"); shares {
				owners[c.ID] = owner
			}
		}
	}
	if err != nil || len(owners) == 0 {
		return found, err
	}
	// A container that has ended gets another network namespace when it starts again, and the address that is its own.
	all, err := a.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	for i := range found {
		for _, owner := range all.Items {
			if owner.ID == owners[found[i].ID] && len(owner.Names) > 0 {
				found[i].SharesWith = strings.TrimPrefix(owner.Names[0], "/")
			}
		}
	}
	return found, err
}

// follow returns once the engine has begun to send: what happens after that is heard, and what was before has to be
// asked for.
func (a api) follow(ctx context.Context) (<-chan event, <-chan error) {
	events := &meter{limit: eventLimit, what: "an event from " + a.DaemonHost()}
	c, err := newClient(a.host, events)
	if err != nil {
		broken := make(chan error, 1)
		broken <- err
		return nil, broken
	}
	context.AfterFunc(ctx, func() { _ = c.Close() })
	from := c.Events(ctx, client.EventsListOptions{Filters: make(client.Filters).Add("type", string(messages.ContainerEventType))})
	return translate(ctx, from.Messages, from.Err, func(m messages.Message) event {
		events.reset()
		labels := maps.Clone(m.Actor.Attributes)
		for _, hidden := range hiddenLabels {
			delete(labels, hidden)
		}
		return event{
			action: string(m.Action), id: m.Actor.ID, name: m.Actor.Attributes["name"],
			oldName: strings.TrimPrefix(m.Actor.Attributes["oldName"], "/"), labels: labels,
		}
	})
}

func (a api) ping(ctx context.Context) error {
	_, err := a.Ping(ctx, client.PingOptions{})
	return err
}

func (a api) close() { _ = a.Close() }

// translate hands on messages as events until they end.
func translate[M any](ctx context.Context, messages <-chan M, errs <-chan error, read func(M) event) (<-chan event, <-chan error) {
	out, broken := make(chan event), make(chan error, 1)
	select {
	case err := <-errs:
		// It has broken off before it began.
		broken <- err
		return out, broken
	default:
	}
	go func() {
		for {
			select {
			case m := <-messages:
				select {
				case out <- read(m):
				case <-ctx.Done():
					return
				}
			case err := <-errs:
				broken <- err
				return
			}
		}
	}()
	return out, broken
}

// hiddenLabels are those that an event does not tell: what it says of the container has the same names, and their place.
var hiddenLabels = []string{"image", "name"}
