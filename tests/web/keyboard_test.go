package web

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Everything can be done without a mouse, and every control and interface has a name that a screen reader reads.
func TestKeyboard(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	startDaemon(t, shop(t))
	page := startBrowser(t).ready(<-startWeb(t, "linkd web").addresses)
	press := func(keys string) {
		t.Helper()
		page.do(chromedp.KeyEvent(keys))
	}
	const focused = "document.activeElement.getAttribute('aria-label')"
	for range 60 {
		if press(kb.Tab); value[bool](page, "document.activeElement.classList.contains('card')") {
			break
		}
	}
	if label := value[string](page, focused); label != "host: br-shop, bridge, ok, 10.18.0.1/24" {
		t.Errorf("the tab key leads to %q", label)
	}
	for _, step := range []struct{ key, label string }{
		{kb.ArrowRight, "host: veth-db, veth, ok"},
		{kb.ArrowUp, "host: veth-web, veth, ok"},
		{kb.ArrowRight, "web: eth0, veth, ok, 10.18.0.2/24, default via 10.18.0.1"},
		{kb.ArrowDown, "web: to-db, veth, ok, 10.19.0.1/30"},
		{kb.ArrowLeft, "host: veth-web, veth, ok"},
	} {
		if press(step.key); value[string](page, focused) != step.label {
			t.Errorf("%q leads to %q, want %q", step.key, value[string](page, focused), step.label)
		}
	}
	press(kb.Enter)
	page.await("!document.querySelector('#detail').hidden && document.querySelector('#detail h2')?.textContent.startsWith('host/veth-web')")
	press(kb.Escape)
	page.await("document.querySelector('#detail').hidden")
	wide := func() float64 {
		return value[float64](page, "document.querySelector('#canvas svg').width.baseVal.value")
	}
	fits := wide()
	if press("+"); wide() <= fits {
		t.Errorf("+ makes the picture %.0f wide, it was %.0f", wide(), fits)
	}
	if press("0"); wide() != fits {
		t.Errorf("0 makes the picture %.0f wide, it was %.0f", wide(), fits)
	}
	press("/")
	press("10.19.0.2")
	page.await("document.querySelector('#found').innerText == '1 found' && document.querySelector('.match')?.getAttribute('aria-label').startsWith('db: to-web')")

	const nameless = `[...document.querySelectorAll('button, input, [role=button], .card, .frame')].filter(n =>
		!(n.getAttribute('aria-label') || n.textContent.trim() || n.placeholder || n.labels?.length)).length`
	if n := value[int](page, nameless); n != 0 {
		t.Errorf("%d controls have no name", n)
	}
}
