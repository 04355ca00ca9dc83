package probe

import (
	"context"
	"fmt"
	"time"

	"linkd/pkg/observe"
	"linkd/pkg/spec"
)

// Within is how long a declared probe waits for its answer.
const Within = 3 * time.Second

// placeOf is where a declared probe goes. Its URL and host have been checked.
func placeOf(p spec.Probe) (Place, error) {
	if p.URL != "" {
		place, err := ParseURL(p.URL)
		if p.To != "" {
			place.Host = p.To
		}
		return place, err
	}
	place := Place{Method: Echo, Host: p.To}
	if p.Port != 0 {
		place.Method, place.Port = TCP, uint16(p.Port)
	}
	return place, nil
}

// RunDeclared sends a declared probe and follows its way. What cannot be sent is reported like what does not arrive. Namespaces are
// opened in a session of its own.
func RunDeclared(ctx context.Context, world *observe.World, desired *spec.Desired, p spec.Probe) Report {
	return declaredReport(ctx, world, desired, p, true, true)
}

// declaredReport sends a declared probe. It follows the way of a packet that arrives if always says so, and that of one that does not
// if explain does.
func declaredReport(ctx context.Context, world *observe.World, desired *spec.Desired, p spec.Probe, always, explain bool) Report {
	session := world.NewSession()
	defer session.Close()
	place, err := placeOf(p)
	r := Report{Name: p.Name, From: p.From, To: placeText(place)}
	if err != nil {
		r.Text = err.Error()
		return r
	}
	ns, t, err := prepare(ctx, session, desired, p, place)
	if err != nil {
		r.Text = err.Error()
		return r
	}
	r.To, r.Result = t.String(), Send(ctx, ns, t, Within)
	r.Milliseconds = float64(r.Took.Microseconds()) / 1000
	if always || explain && !r.Arrived {
		r.explain(ctx, session, ns, t)
	}
	return r
}

// prepare opens the namespace of a declared probe, and finds the address of its target.
func prepare(ctx context.Context, session *observe.Session, desired *spec.Desired, p spec.Probe, place Place) (ns *observe.NS, t Target, err error) {
	if ns, err = session.Open(p.From); err != nil {
		return nil, t, fmt.Errorf("open the namespace %s: %w", p.From, err)
	}
	ctx, cancel := context.WithTimeout(ctx, Within)
	defer cancel()
	ip, err := Locate(ctx, desired, ns, place.Host)
	if err != nil {
		return nil, t, fmt.Errorf("find the address of %s: %w", place.Host, err)
	}
	return ns, place.At(ip), nil
}

func placeText(p Place) string {
	switch {
	case p.URL != "":
		return p.URL
	case p.Port != 0:
		return fmt.Sprintf("%s:%d", p.Host, p.Port)
	}
	return p.Host
}
