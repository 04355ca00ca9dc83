package shape

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"linkd/pkg/kind/conform"
)

func TestQuantitiesInTheUnitsOfTC(t *testing.T) {
	for word, want := range map[string]string{
		"8bit": "8bit", "1kbit": "1kbit", "1.5Mbit": "1500kbit", "2Gbit": "2gbit", "1mbps": "8mbit", "1kibit": "1024bit", "100tbit": "100tbit",
		"1mibps": "8388608bit", "12bit": "8bit",
	} {
		var r Rate
		if err := r.DecodeWord(word); err != nil || r.String() != want {
			t.Errorf("rate %s: %s, %v; want %s", word, r, err, want)
		}
	}
	for word, want := range map[string]string{"1600": "1600b", "1024": "1kb", "32k": "32kb", "1.5mb": "1536kb", "8kbit": "1kb", "1M": "1mb"} {
		var s Size
		if err := s.DecodeWord(word); err != nil || s.String() != want {
			t.Errorf("size %s: %s, %v; want %s", word, s, err, want)
		}
	}
	for word, want := range map[string]string{"100ms": "100ms", "1.5s": "1500ms", "2000usecs": "2ms", "3ns": "3ns", "60sec": "60s"} {
		var at Time
		if err := at.DecodeWord(word); err != nil || at.String() != want {
			t.Errorf("time %s: %s, %v; want %s", word, at, err, want)
		}
	}
	for word, want := range map[string]string{"1%": "1%", "0.05%": "0.05%", "33.3% 25%": "33.3% 25%", "100%": "100%", "0.0000001%": "0.0000001%"} {
		var c Chance
		if err := c.DecodeWord(word); err != nil || c.String() != want {
			t.Errorf("chance %s: %s, %v; want %s", word, c, err, want)
		}
	}
}

// Whatever the kernel counts, what is written for it is read as the same.
func TestWhatIsWrittenIsReadAsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, s := Rate(rapid.Uint64Range(1, maxRate).Draw(t, "rate")), Size(rapid.Uint32Min(1).Draw(t, "size"))
		at, c := Time(rapid.Int64Range(1, maxTime).Draw(t, "time")), Chance{rapid.Uint32Min(1).Draw(t, "share"), rapid.Uint32().Draw(t, "correlation")}
		var r2 Rate
		var s2 Size
		var at2 Time
		var c2 Chance
		for _, err := range []error{r2.DecodeWord(r.String()), s2.DecodeWord(s.String()), at2.DecodeWord(at.String()), c2.DecodeWord(c.String())} {
			conform.Must(t, err)
		}
		if r2 != r || s2 != s || at2 != at || c2 != c {
			t.Errorf("%s is read as %s, %s as %s, %s as %s, %s as %s", r, r2, s, s2, at, at2, c, c2)
		}
	})
}

// The kernel counts a burst as a time: what it reports for one stands for that one.
func TestABurstSurvivesTheKernelsTicks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rate(rapid.Uint64Range(1000, maxRate).Draw(t, "rate"))
		s := Size(rapid.Uint32Range(1, uint32(min(r.inTime(maxTime), math.MaxUint32))).Draw(t, "size"))
		if back := r.size(r.ticks(s)); !r.sameSize(s, back) {
			t.Errorf("%s at %s comes back as %s", s, r, back)
		}
	})
}

func TestWhatIsWrongWithShaping(t *testing.T) {
	for _, test := range []struct{ keys, want string }{
		{"egress: {}", "a.yaml:3:39: egress changes nothing: rate, delay, loss, duplicate or corrupt is missing"},
		{"egress: {burst: 10kb}", "a.yaml:3:39: egress changes nothing: rate, delay, loss, duplicate or corrupt is missing"},
		{"egress: 10mbit", `a.yaml:3:39: expected a mapping, found "10mbit"`},
		{"egress: {rate: 10}", "a.yaml:3:46: 10 has no unit: a rate is in bit, kbit, mbit, gbit, tbit, kibit, mibit, gibit, tibit, bps, kbps, mbps, gbps, tbps, kibps, mibps, gibps, tibps"},
		{"egress: {rate: 10mb}", `a.yaml:3:46: 10mb: "mb" is no unit of a rate, which is in bit, kbit, mbit, gbit, tbit, kibit, mibit, gibit, tibit, bps, kbps, mbps, gbps, tbps, kibps, mibps, gibps, tibps`},
		{"egress: {rate: fast}", `a.yaml:3:46: expected a rate such as 10mbit, found "fast"`},
		{"egress: {rate: -1mbit}", `a.yaml:3:46: expected a rate such as 10mbit, found "-1mbit"`},
		{"egress: {rate: 1bit}", "a.yaml:3:46: a rate is 8bit to 100tbit, not 1bit"},
		{"egress: {rate: 101tbit}", "a.yaml:3:46: a rate is 8bit to 100tbit, not 101tbit"},
		{"egress: {rate: 1mbit, burst: 5gb}", "a.yaml:3:60: a size is 1b to 4gb, not 5gb"},
		{"egress: {rate: 1kbit, burst: 1mb}", "a.yaml:3:60: a burst of 1mb takes longer than 274s at 1kbit"},
		{"egress: {rate: 1mbit, burst: 10kb, limit: 9kb}", "a.yaml:3:73: limit is at least the burst"},
		{"egress: {rate: 1mbit, limit: 9kb, latency: 1s}", "a.yaml:3:60: limit and latency both say how long the queue is: leave out one"},
		{"egress: {delay: 100}", "a.yaml:3:47: 100 has no unit: a time is in ns, us, ms, s"},
		{"egress: {delay: 275s}", "a.yaml:3:47: a time is 1ns to 274s, not 275s"},
		{"egress: {delay: 1s, limit: 9kb}", "a.yaml:3:58: with delay, loss and the like, limit is a number of packets"},
		{"egress: {delay: 1s, rate: 1mbit, burst: 9kb}", "a.yaml:3:71: with delay, loss and the like, netem keeps the rate packet by packet, without burst: leave it out"},
		{"egress: {rate: 1mbit, jitter: 1ms}", "a.yaml:3:61: jitter is about packets that are delayed: delay is missing"},
		{"egress: {reorder: 5%}", "a.yaml:3:49: reorder is about packets that are delayed: delay is missing"},
		{"egress: {loss: 5}", `a.yaml:3:46: expected a percentage such as 1%, found "5"`},
		{"egress: {loss: 101%}", "a.yaml:3:46: 101% is more than 100%"},
		{"egress: {loss: 0%}", "a.yaml:3:46: 0% of the packets are none: leave it out"},
		{"egress: {loss: NaN%}", `a.yaml:3:46: expected a percentage such as 1%, found "NaN%"`},
		{"egress: {loss: 1% 2% 3%}", `a.yaml:3:46: expected a percentage such as 1%, and perhaps its correlation, found "1% 2% 3%"`},
		{"ingress: {burst: 10kb}", `a.yaml:3:40: "rate" is missing`},
		{"ingress: {rate: 1kbit, burst: 1mb}", "a.yaml:3:61: a burst of 1mb takes longer than 274s at 1kbit"},
	} {
		_, errs := conform.Compile(language, "namespaces: {lab: {}}\nlinks:\n  x: {netns: lab, name: eth0, "+test.keys+"}")
		if d := cmp.Diff(strings.TrimSpace(test.want), errs); d != "" {
			t.Errorf("%s (-want +got):\n%s", test.keys, d)
		}
	}
}
