package shape

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"linkd/pkg/spec"
)

// The types below are quantities in the units of tc(8). Their String can be decoded again to the same value.

// Rate is in bytes per second, as the kernel counts it; 0 is none.
type Rate uint64

// Size is in bytes.
type Size uint32

// Time is in nanoseconds.
type Time int64

// Chance is the share of packets that something happens to, and its correlation with what happened to the packet before. Both are
// parts of 2^32-1.
type Chance struct {
	Share       uint32 `json:"share"`
	Correlation uint32 `json:"correlation,omitempty"`
}

// unit is a unit, with all words for it. The first is how it is written.
type unit struct {
	words  string
	factor float64
}

// The units are those of tc(8), PARAMETERS. A byte has 8 bits, and the prefixes of sizes are powers of 1024.
var (
	// rateUnits are in bits per second.
	rateUnits = []unit{
		{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"tbit", 1e12},
		{"kibit", 1 << 10}, {"mibit", 1 << 20}, {"gibit", 1 << 30}, {"tibit", 1 << 40},
		{"bps", 8}, {"kbps", 8e3}, {"mbps", 8e6}, {"gbps", 8e9}, {"tbps", 8e12},
		{"kibps", 8 << 10}, {"mibps", 8 << 20}, {"gibps", 8 << 30}, {"tibps", 8 << 40},
	}
	sizeUnits = []unit{{"b", 1}, {"kb k", 1 << 10}, {"mb m", 1 << 20}, {"gb g", 1 << 30}, {"kbit", 1 << 7}, {"mbit", 1 << 17}, {"gbit", 1 << 27}}
	timeUnits = []unit{{"ns nsec nsecs", 1}, {"us usec usecs", 1e3}, {"ms msec msecs", 1e6}, {"s sec secs", 1e9}}
)

// The limits: the kernel counts the burst of a tbf qdisc as a time of 32 bits, in ticks of 64 ns.
const (
	maxRate = 1e14 / 8 // bytes per second
	maxTime = 274 * 1e9
	// tick is the unit of times in messages about qdiscs, in nanoseconds (PSCHED_TICKS2NS in include/net/pkt_sched.h).
	tick = 64
)

var quantity = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([a-zA-Z]*)$`)

// measure reads a quantity; without a unit it is one of bare, which is 0 if a unit has to be there.
func measure(word, what, example string, units []unit, bare float64) (float64, error) {
	parts := quantity.FindStringSubmatch(word)
	if parts == nil {
		return 0, fmt.Errorf("expected a %s such as %s, found %q", what, example, word)
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	if err != nil {
		return 0, fmt.Errorf("expected a %s such as %s, found %q", what, example, word)
	}
	if parts[2] == "" && bare != 0 {
		return number * bare, nil
	}
	var known []string
	for _, u := range units {
		words := strings.Fields(u.words)
		for _, w := range words {
			if strings.EqualFold(w, parts[2]) {
				return number * u.factor, nil
			}
		}
		known = append(known, words[0])
	}
	if parts[2] == "" {
		return 0, fmt.Errorf("%s has no unit: a %s is in %s", word, what, strings.Join(known, ", "))
	}
	return 0, fmt.Errorf("%s: %q is no unit of a %s, which is in %s", word, parts[2], what, strings.Join(known, ", "))
}

// format writes a whole number with the largest of the units that divides it.
func format(n uint64, units []unit) string {
	best := units[0]
	for _, u := range units {
		if factor := uint64(u.factor); n != 0 && n%factor == 0 && u.factor > best.factor {
			best = u
		}
	}
	word, _, _ := strings.Cut(best.words, " ")
	return strconv.FormatUint(n/uint64(best.factor), 10) + word
}

func (r *Rate) DecodeWord(word string) error {
	bits, err := measure(word, "rate", "10mbit", rateUnits, 0)
	switch {
	case err != nil:
		return err
	case bits < 8 || bits/8 > maxRate:
		return fmt.Errorf("a rate is 8bit to 100tbit, not %s", word)
	}
	*r = Rate(math.Round(bits) / 8)
	return nil
}

// String returns the rate in bits per second. The units are those with powers of 1000.
func (r Rate) String() string { return format(uint64(r)*8, rateUnits[:5]) }

func (Rate) Syntax() spec.Syntax {
	return spec.Syntax{
		Name: "rate", Doc: "A rate with its unit, as in tc(8): `10mbit`, `500kbit`, `1.5gbit` in bits, `1mbps` in bytes per second.",
		Pattern: "^[0-9]+([.][0-9]+)?[A-Za-z]+$",
	}
}

func (s *Size) DecodeWord(word string) error {
	bytes, err := measure(word, "size", "32kb", sizeUnits, 1)
	switch {
	case err != nil:
		return err
	case bytes < 1 || bytes > math.MaxUint32:
		return fmt.Errorf("a size is 1b to 4gb, not %s", word)
	}
	*s = Size(bytes)
	return nil
}

func (s Size) String() string { return format(uint64(s), sizeUnits[:4]) }

func (Size) Syntax() spec.Syntax {
	return spec.Syntax{
		Name: "size", Doc: "A size as in tc(8): `1600` or `1600b` in bytes, `32kb` of 1024 bytes, `1mb`.",
		Pattern: "^[0-9]+([.][0-9]+)?[A-Za-z]*$", Min: 1, Max: math.MaxUint32,
	}
}

func (t *Time) DecodeWord(word string) error {
	ns, err := measure(word, "time", "100ms", timeUnits, 0)
	switch {
	case err != nil:
		return err
	case ns < 1 || ns > maxTime:
		return fmt.Errorf("a time is 1ns to 274s, not %s", word)
	}
	*t = Time(math.Round(ns))
	return nil
}

func (t Time) String() string { return format(uint64(t), timeUnits) }

func (Time) Syntax() spec.Syntax {
	return spec.Syntax{Name: "time", Doc: "A time with its unit: `100ms`, `1.5s`, `250us`.", Pattern: "^[0-9]+([.][0-9]+)?[A-Za-z]+$"}
}

func (c *Chance) DecodeWord(word string) error {
	words := strings.Fields(word)
	if len(words) < 1 || len(words) > 2 {
		return fmt.Errorf("expected a percentage such as 1%%, and perhaps its correlation, found %q", word)
	}
	for i, into := range []*uint32{&c.Share, &c.Correlation}[:len(words)] {
		number, is := strings.CutSuffix(words[i], "%")
		percent, err := strconv.ParseFloat(number, 64)
		if !is || err != nil || quantity.FindString(number) == "" {
			return fmt.Errorf("expected a percentage such as 1%%, found %q", words[i])
		}
		if percent > 100 {
			return fmt.Errorf("%s is more than 100%%", words[i])
		}
		*into = share(percent)
	}
	if c.Share == 0 {
		return fmt.Errorf("%s of the packets are none: leave it out", word)
	}
	return nil
}

func share(percent float64) uint32 { return uint32(math.Round(percent / 100 * math.MaxUint32)) }

func (c Chance) String() string {
	if c.Correlation == 0 {
		return percent(c.Share)
	}
	return percent(c.Share) + " " + percent(c.Correlation)
}

// percent returns the shortest percentage for that share.
func percent(part uint32) string {
	exact := float64(part) / math.MaxUint32 * 100
	for digits := 0; ; digits++ {
		text := strconv.FormatFloat(exact, 'f', digits, 64)
		if rounded, _ := strconv.ParseFloat(text, 64); share(rounded) == part {
			return text + "%"
		}
	}
}

func (Chance) Syntax() spec.Syntax {
	const number = "[0-9]+([.][0-9]+)?%"
	return spec.Syntax{
		Name: "chance", Doc: "A share of the packets, `1%` or `0.05%`. A second percentage is the correlation with the packet before: `1% 25%`.",
		Pattern: "^" + number + "( +" + number + ")?$",
	}
}

// inTime returns how many bytes pass at a rate in a time.
func (r Rate) inTime(t Time) uint64 { return uint64(math.Round(float64(r) * float64(t) / 1e9)) }

// ticks returns how long a size takes at a rate.
func (r Rate) ticks(s Size) uint32 {
	return uint32(min(math.Round(float64(s)*1e9/float64(r)/tick), math.MaxUint32))
}

// size returns the size that takes so many ticks at a rate: of those that do, a round one.
func (r Rate) size(ticks uint32) Size {
	exact := math.Round(float64(ticks) * tick * float64(r) / 1e9)
	for _, unit := range []float64{1 << 10, 1000, 100, 10} {
		if round := math.Round(exact/unit) * unit; round > 0 && round <= math.MaxUint32 && r.ticks(Size(round)) == ticks {
			return Size(round)
		}
	}
	return Size(min(exact, math.MaxUint32))
}

// slack is the number of bytes by which two sizes may differ, because the kernel counts them as times at that rate, and rounds on
// the way in and out (psched_ratecfg_precompute in net/sched/sch_generic.c).
func (r Rate) slack(s Size) uint64 { return 2 + uint64(float64(r)*2*tick/1e9) + uint64(s)>>24 }

func (r Rate) sameSize(a, b Size) bool {
	return max(a, b)-min(a, b) <= Size(r.slack(a))
}

// burst returns what passes at the rate in a time, or least if that is more, but no more than the kernel can count.
func (r Rate) burst(t Time, least uint64) Size {
	return Size(min(max(r.inTime(t), least), r.inTime(maxTime), math.MaxUint32))
}

// checkBurst returns an error if the kernel cannot count a burst at a rate.
func (r Rate) checkBurst(burst Size) error {
	if uint64(burst) > r.inTime(maxTime) {
		return fmt.Errorf("a burst of %s takes longer than 274s at %s", burst, r)
	}
	return nil
}
