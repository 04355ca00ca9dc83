package link

import (
	"testing"

	"linkd/pkg/kind/conform"
)

// A damaged journal may name any file below /proc/sys as an interface's setting.
func TestPutBackNoSettingButAnInterfaces(t *testing.T) {
	lab := conform.Open(t)
	err := writeSysctls(lab.NS, "lo", map[string]string{"ipv4/conf/../ip_forward": "1"})
	if want := `the journal has no setting of an interface in "ipv4/conf/../ip_forward"`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	conform.Must(t, writeSysctls(lab.NS, "lo", map[string]string{"ipv4/conf/forwarding": "1"}))
	now, err := sysctlsOf(lab.NS, "lo")
	conform.Must(t, err)
	if now["ipv4/conf/forwarding"] != "1" {
		t.Errorf("the settings are %v", now)
	}
}
