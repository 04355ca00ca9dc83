package web

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The page changes when the system does, and when the daemon stops and starts again. The picture keeps its layout meanwhile.
func TestLive(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	d := startDaemon(t, shop(t))
	page := startBrowser(t).ready(<-startWeb(t, "linkd web").addresses)
	const places = "JSON.stringify([...document.querySelectorAll('#canvas rect')].map(r => [r.getAttribute('x'), r.getAttribute('y')]))"
	before := value[string](page, places)

	var delays []time.Duration
	for i := range 5 {
		drifts := fmt.Sprintf("[...document.querySelectorAll('.drift .what')].filter(e => e.innerText.includes('/link/to-')).length > %d", i)
		began := time.Now()
		run(t, "ip -n db link del to-web")
		page.await(drifts)
		delays = append(delays, time.Since(began))
		page.await("document.querySelectorAll('.card.ok').length == 7")
		// What happens within a second is one entry.
		until(t, "a second has passed", func() bool { return time.Since(began) > 1200*time.Millisecond })
	}
	slices.Sort(delays)
	t.Logf("from `ip link del` to the page: %v", delays)
	if after := value[string](page, places); after != before {
		t.Errorf("the layout has changed:\n%s\n%s", before, after)
	}

	d.stop()
	page.await("!document.querySelector('#gone').hidden && document.querySelector('#summary').innerText.startsWith('last known state: ')")
	page.await("document.querySelectorAll('.card').length == 9")
	d.start()
	page.await("document.querySelector('#gone').hidden")
	more := "\n  extra:\n    kind: veth\n    ends: [{netns: web, name: extra0}, {netns: db, name: extra1}]\n"
	text := strings.Replace(shop(t)["shop.yaml"], "\nprobes:", more+"\nprobes:", 1)
	if err := os.WriteFile(filepath.Join(configDir, "shop.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	page.await("document.querySelectorAll('.card.ok').length == 9")
}

// 20 pages, half of them in browsers of their own, cost the daemon two connections, and nothing that grows.
func TestTwentyPages(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	d := startDaemon(t, shop(t))
	pid := d.cmd.Process.Pid
	alone := usageOf(t, pid)
	web := startWeb(t, "linkd web")
	b := startBrowser(t)
	var pages []*tab
	for range 10 {
		pages = append(pages, b.private().open(<-web.addresses))
	}
	address := value[string](pages[9], "location.href")
	for range 10 {
		pages = append(pages, (&browser{t, pages[9].context}).open(address))
	}
	const reloads = 50
	for _, p := range pages {
		p.await("document.querySelectorAll('.card.ok').length == 7")
	}
	early := usageOf(t, pid)
	for range reloads {
		run(t, "linkd reload")
	}
	run(t, "ip -n db address del 10.19.0.2/30 dev to-web")
	for _, p := range pages {
		p.await("document.querySelectorAll('.events .drift').length == 1")
	}
	late := usageOf(t, pid)
	t.Logf("the daemon alone %+v, with 20 pages %+v, after %d reloads %+v", alone, early, reloads, late)
	if early.files > alone.files+4 {
		t.Errorf("20 pages have %d files open in the daemon", early.files-alone.files)
	}
	if late.files > early.files+1 || late.threads > early.threads+4 {
		t.Errorf("the daemon has grown from %+v to %+v", early, late)
	}
}

// 500 links: the page draws them, and how long a frame takes.
func TestManyLinks(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	const namespaces, each = 25, 20
	var text strings.Builder
	text.WriteString("version: 1\nnamespaces:\n")
	for n := range namespaces {
		fmt.Fprintf(&text, "  n%d: {create: true}\n", n)
	}
	text.WriteString("links:\n")
	for n := range namespaces {
		for i := range each {
			fmt.Fprintf(&text, "  n%d-%d: {kind: veth, ends: [{netns: host, name: h%d-%d}, {netns: n%d, name: eth%d, addresses: [10.%d.%d.2/24]}]}\n", n, i, n, i, n, i, n, i)
		}
	}
	startDaemon(t, map[string]string{"many.yaml": text.String()})
	page := startBrowser(t).open(<-startWeb(t, "linkd web").addresses)
	page.size(1280, 800)
	page.await(fmt.Sprintf("document.querySelectorAll('.card').length >= %d && document.querySelectorAll('.wire.cable').length == %d", 2*namespaces*each, namespaces*each))
	page.await("document.querySelectorAll('.card.ok').length > 900")
	frames := func(name, move string) {
		page.do(evaluate(fmt.Sprintf(`(() => {
			const canvas = document.querySelector('#canvas'), times = []
			window.frameTimes = undefined
			const step = now => {
				times.push(now)
				const i = times.length
				;(%s)(canvas, i)
				if (i <= 40) requestAnimationFrame(step)
				else window.frameTimes = times.slice(1).map((t, i) => t - times[i]).sort((a, b) => a - b)
			}
			requestAnimationFrame(step)
		})()`, move)))
		page.await("window.frameTimes")
		times := value[[]float64](page, "window.frameTimes")
		t.Logf("500 links, %s: a frame takes %.0f ms, the longest %.0f ms", name, times[len(times)/2], times[len(times)-1])
	}
	frames("scrolling", "(canvas, i) => canvas.scrollBy(0, 60)")
	frames("zooming", "(canvas, i) => document.querySelector(i % 8 < 4 ? '#larger' : '#smaller').click()")
	frames("searching", "(canvas, i) => { const s = document.querySelector('#search'); s.value = 'eth' + i % 20; s.dispatchEvent(new Event('input')) }")

	// A search finds one of them, and one namespace can be shown alone.
	page.do(evaluate(`(() => { const s = document.querySelector('#search'); s.value = '10.7.3.2'; s.dispatchEvent(new Event('input')) })()`))
	page.await("document.querySelector('#found').innerText == '1 found'")
	page.do(evaluate(`(() => { const o = document.querySelector('#only'); o.value = 'n7'; o.dispatchEvent(new Event('change')) })()`))
	page.await(fmt.Sprintf("document.querySelectorAll('.frame').length == 2 && document.querySelectorAll('.wire').length == %d", each))
	page.click("#fold")
	page.await("document.querySelectorAll('.card').length == 0 && document.querySelectorAll('.wire').length == 1")
}
