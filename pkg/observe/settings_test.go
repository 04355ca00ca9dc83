package observe_test

import (
	"os/exec"
	"testing"

	"linkd/pkg/kind/conform"
	"linkd/pkg/observe"
)

// A write to a setting of which the kernel announces nothing is reported, with the namespace, and one of linkd's own is not.
func TestSettingsAreWatched(t *testing.T) {
	lab := conform.Open(t)
	inbox := observe.NewInbox()
	stop, err := lab.World.WatchSettings(inbox)
	conform.Must(t, err)
	defer stop()
	const own, others, elsewhere = "/proc/sys/net/ipv4/tcp_keepalive_intvl", "/proc/sys/net/ipv6/conf/all/addr_gen_mode", "/proc/sys/net/ipv4/tcp_keepalive_time"
	conform.Must(t, lab.NS.Do(func() error {
		for _, path := range []string{own, others} {
			lab.NS.WatchSetting(path, func(path string) (string, error) { return path, nil })
		}
		return nil
	}))
	write := func(netns, path string) {
		t.Helper()
		script := "echo 1 1<>" + path
		if out, err := exec.Command("nsenter", "--net="+netns, "sh", "-c", script).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", script, err, out)
		}
	}
	const there = observe.NetnsDir + "/" + conform.LabName
	lab.NS.WritesSetting(own)
	write(there, own)
	// Neither what is not watched counts, nor the same file of another namespace.
	write(there, elsewhere)
	write("/proc/self/ns/net", own)
	write("/proc/self/ns/net", others)
	write(there, others)
	<-inbox.Ready
	news, overruns := inbox.Take()
	if len(news) != 1 || news[0].NS != conform.LabName || news[0].Topic != observe.NetconfTopic || overruns != 0 {
		t.Errorf("news: %+v, overruns: %d", news, overruns)
	}
	// A write that linkd did not make after all hides none of others'.
	failed := lab.NS.WritesSetting(own)
	failed()
	write(there, own)
	<-inbox.Ready
	if news, _ := inbox.Take(); len(news) != 1 {
		t.Errorf("news: %+v", news)
	}
}
