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

// api is an engine with the Docker Engine API (https://docs.docker.com/reference/api/engine).
type api struct {
	*client.Client
	host string
}

// dockerDescription describes Docker, for which DOCKER_HOST counts.
var dockerDescription = description{
	scheme: "docker", name: "Docker", noun: "container",
	advice: "start Docker (systemctl start docker), or set DOCKER_HOST for linkd to the address on which it listens",
}

// newAPI returns the API at host, a URL. If host is "", it is that of the environment (DOCKER_HOST and similar variables) or
// Docker's own socket.
func newAPI(host string) (api, error) {
	c, err := newClient(host, nil)
	return api{c, host}, err
}

func (a api) inspect(ctx context.Context, value string) (state, error) {
	answer, err := a.ContainerInspect(ctx, value, client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) {
		return state{}, errUnknown
	}
	if err != nil {
		return state{}, err
	}
	now := answer.Container
	s := state{id: now.ID, name: strings.TrimPrefix(now.Name, "/"), status: "not running"}
	if s.name != value && !strings.HasPrefix(s.id, value) {
		// Docker reports that a container has another name a little before it gives up the earlier one.
		return state{}, errUnknown
	}
	if now.State != nil {
		s.status, s.started = string(now.State.Status), now.State.StartedAt
		if now.State.Running {
			s.pid = now.State.Pid
		}
	}
	if now.NetworkSettings != nil && s.pid != 0 {
		s.sandbox = now.NetworkSettings.SandboxKey
	}
	return s, nil
}

func (a api) withLabel(ctx context.Context, label string) (found []spec.Instance, err error) {
	filters := make(client.Filters).Add("label", label)
	answer, err := a.ContainerList(ctx, client.ContainerListOptions{Filters: filters})
	owners := map[string]string{}
	// The oldest comes first: if two containers conflict, linkd leaves the newer one out.
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
	// An owner that has ended counts, too: when it starts again, it gets a new namespace, and needs its addresses.
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

// events returns when the engine has begun to send. The channel has all events from then on; for earlier ones, ask the engine
// afterwards.
func (a api) events(ctx context.Context) (<-chan event, <-chan error) {
	events := &meter{limit: eventLimit, name: "an event from " + a.DaemonHost()}
	c, err := newClient(a.host, events)
	if err != nil {
		broken := make(chan error, 1)
		broken <- err
		return nil, broken
	}
	context.AfterFunc(ctx, func() { _ = c.Close() })
	from := c.Events(ctx, client.EventsListOptions{Filters: make(client.Filters).Add("type", string(messages.ContainerEventType))})
	return convertEvents(ctx, from.Messages, from.Err, func(m messages.Message) event {
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

// convertEvents converts messages to events until ctx or the messages end.
func convertEvents[M any](ctx context.Context, messages <-chan M, errs <-chan error, read func(M) event) (<-chan event, <-chan error) {
	out, broken := make(chan event), make(chan error, 1)
	select {
	case err := <-errs:
		// The stream failed before its first message.
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

// hiddenLabels are labels that an event cannot contain: attributes of the event have these names.
var hiddenLabels = []string{"image", "name"}
