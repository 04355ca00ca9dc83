package web

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// shop is the file of the guide: a web server and its database on a bridge and with a cable of their own, and a cache that is not
// there yet.
func shop(t *testing.T) map[string]string {
	t.Helper()
	const page = "../../docs/how-to/look-at-the-page.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, text, begins := bytes.Cut(text, []byte("```yaml\n"))
	file, _, ends := bytes.Cut(text, []byte("```\n"))
	if !begins || !ends {
		t.Fatalf("%s has no file", page)
	}
	return map[string]string{"shop.yaml": string(file)}
}

// ready opens the page, and waits until it shows the wiring and the probes.
func (b *browser) ready(address string) *tab {
	b.t.Helper()
	page := b.open(address)
	page.size(1280, 800)
	page.await("document.querySelectorAll('.card').length > 8 && document.querySelectorAll('.probes > li.state-failed').length == 1 && document.querySelectorAll('.probes > li.state-ok').length == 1")
	return page
}

// Every view, as the guide shows it, on a screen and on a telephone, light and dark.
func TestViews(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	startDaemon(t, shop(t))
	web := startWeb(t, "linkd web")
	page := startBrowser(t).ready(<-web.addresses)

	// Somebody removes an address. linkd makes it again, and the page says who it was.
	asks := startBatch(t, "ip -n db -batch -")
	asks("address del 10.19.0.2/30 dev to-web")
	page.await("[...document.querySelectorAll('.drift .by')].some(e => /perhaps by process \\d+ \\(ip\\)/.test(e.innerText))")
	page.await("document.querySelectorAll('.card.ok').length == 7")
	page.compare("web-wiring")
	page.dark(true)
	page.compare("web-wiring-dark")
	page.dark(false)
	page.size(390, 844)
	page.compare("web-wiring-narrow")
	page.dark(true)
	page.compare("web-wiring-narrow-dark")
	page.dark(false)
	page.size(1280, 800)

	// A link opens with what asks for it.
	page.click(`.card[data-key="card web/eth0"] > rect`)
	page.await("document.querySelectorAll('.counters td').length > 4 && document.querySelectorAll('.source .marked').length > 1")
	page.compare("web-link")
	page.click("#detail .close")

	// The way of a probe, and where it stops.
	page.click(`[data-key="probe web-asks-db"]`)
	page.await("document.querySelector('.cross') && document.querySelectorAll('path.way').length == 4")
	page.compare("web-probe")
	page.click(`[data-key="probe web-asks-db"]`)
	page.await("!document.querySelector('.cross')")

	// A trial with its countdown and its differences, and the history after it.
	tried := strings.Replace(shop(t)["shop.yaml"], "10.19.0.2/30", "10.19.0.2/29", 1)
	if err := os.WriteFile("/run/new.yaml", []byte(tried), 0o644); err != nil {
		t.Fatal(err)
	}
	trial := startTrial(t, "linkd try /run/new.yaml --as shop.yaml --for 120s --state-dir /run/state")
	page.await("document.querySelector('#trial .diff .added')")
	page.compare("web-trial")
	page.click("#trial .confirm")
	if out := trial(); !strings.Contains(out, "confirmed by ") {
		t.Errorf("the trial ended with %q", out)
	}
	page.await("document.querySelector('#trial').hidden")
	page.click("nav [data-view=history]")
	page.await("document.querySelectorAll('.states li').length == 2")
	page.click(".states li:first-child summary")
	page.await("document.querySelector('.states .diff .added')")
	page.compare("web-history")
	page.click("nav [data-view=resources]")
	page.await("document.querySelectorAll('#resources tbody tr').length == 27")
	page.compare("web-resources")
}
