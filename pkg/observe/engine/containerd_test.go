package engine

import "testing"

// What ctr 1.6 prints.
func TestContainerdEvents(t *testing.T) {
	const at = "2026-12-01 05:01:01.711 +0000 UTC default "
	for line, want := range map[string]event{
		at + `/tasks/start {"container_id":"web","pid":234}`:                              {action: "start", id: "default/web", name: "default/web"},
		at + `/tasks/exit {"container_id":"web","id":"web","pid":234,"exit_status":137}`:  {action: "die", id: "default/web", name: "default/web"},
		at + `/tasks/delete {"container_id":"web","pid":234,"exit_status":137}`:           {action: "die", id: "default/web", name: "default/web"},
		at + `/containers/delete {"id":"web"}`:                                            {action: "destroy", id: "default/web", name: "default/web"},
		at + `/containers/create {"id":"web","runtime":{"name":"io.containerd.runc.v2"}}`: {},
		at + `/tasks/start {"pid":234}`:                                                   {},
		at + `/tasks/start not JSON`:                                                      {},
		"/tasks/start":                                                                    {},
		"":                                                                                {},
	} {
		got, ok := parseContainerdEvent(line)
		if ok != (want.id != "") || got.id != want.id || got.name != want.name || got.action != want.action {
			t.Errorf("%s is %+v (%t), want %+v", line, got, ok, want)
		}
	}
}
