package web

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A member of the group linkd sees the states, and can change nothing: neither on the page nor with its cookie.
func TestAMemberOnlyReads(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	startDaemon(t, shop(t))
	page := startBrowser(t).ready(<-startWeb(t, "setpriv --reuid "+member+" --regid "+group+" --clear-groups linkd web").addresses)
	if err := os.WriteFile("/run/new.yaml", []byte(strings.Replace(shop(t)["shop.yaml"], "10.19.0.2/30", "10.19.0.2/29", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	end := startTrial(t, "linkd try /run/new.yaml --as shop.yaml --for 1h --state-dir /run/state")
	page.awaitText("Only root can confirm or revert it.")
	if n := value[int](page, "document.querySelectorAll('.decide button').length"); n != 0 {
		t.Errorf("the page has %d buttons to decide", n)
	}
	for _, does := range []string{"confirm", "revert"} {
		page.do(evaluate("window.said = undefined; fetch('api/" + does + "', {method: 'POST'}).then(a => a.text()).then(text => { window.said = text })"))
		page.await("window.said")
		if said := value[string](page, "window.said"); !strings.Contains(said, "permission denied: run linkd "+does+" as root") {
			t.Errorf("%s says %q", does, said)
		}
	}
	page.click(`.card[data-key="card web/eth0"] > rect`)
	page.awaitText("no counters: permission denied: run linkd web as root to see this")
	page.click("nav [data-view=history]")
	page.awaitText("permission denied: run linkd web as root to see the history")
	run(t, "linkd revert")
	if out := end(); !strings.Contains(out, "reverted: linkd revert, by root") {
		t.Errorf("the trial ended with %q", out)
	}

	// Who is not in the group is not served at all.
	out, err := exec.Command("setpriv", "--reuid", member, "--regid", "65534", "--clear-groups", "linkd", "web").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "permission denied") {
		t.Errorf("a stranger: %v %s", err, out)
	}
}

// Names that others choose are text on the page, whatever they contain.
func TestNamesAreText(t *testing.T) {
	if !inSandbox(t) {
		return
	}
	for _, line := range [][]string{
		{"ip", "netns", "add", "<img src=x>"},
		{"ip", "netns", "add", "<b>bold"},
		{"ip", "link", "add", "<script>x", "type", "veth", "peer", "name", "'\"><b>", "netns", "<b>bold"},
		{"ip", "link", "set", "<script>x", "alias", "<svg onload=alert(1)>\u202e"},
	} {
		if out, err := exec.Command(line[0], line[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v %s", line, err, out)
		}
	}
	startDaemon(t, shop(t))
	page := startBrowser(t).open(<-startWeb(t, "linkd web").addresses)
	page.do(evaluate("window.violations = []; document.addEventListener('securitypolicyviolation', e => window.violations.push(e.violatedDirective))"))
	page.await(`[...document.querySelectorAll('.card .name')].some(n => n.textContent == "<script>x") && [...document.querySelectorAll('.frame .name')].some(n => n.textContent == "<b>bold")`)
	page.awaitText(`not shown: namespace name "<img src=x>"`)
	page.click(`.card[aria-label^="host: <script>x"] > rect`)
	page.awaitText("No file declares it: linkd leaves it alone.")
	page.click(`.card[aria-label*="'\"><b>"] > rect`)
	page.await(`document.querySelector('#detail h2').textContent.includes("'\"><b>")`)
	if n := value[int](page, "document.querySelectorAll('main img, main script, main b, svg svg').length"); n != 0 {
		t.Errorf("%d names have become elements", n)
	}
	if found := value[[]string](page, "window.violations"); len(found) > 0 {
		t.Errorf("the page breaks its policy: %q", found)
	}
}
