package web

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// browser is Chromium without a window.
type browser struct {
	t       *testing.T
	context context.Context
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("font-render-hinting", "none"),
		chromedp.WSURLReadTimeout(patience))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(ctx, evaluate("0")); err != nil {
		t.Fatal(err)
	}
	return &browser{t, ctx}
}

// private returns a browser that shares neither cookies nor connections with the other one.
func (b *browser) private() *browser {
	b.t.Helper()
	ctx, end := chromedp.NewContext(b.context, chromedp.WithNewBrowserContext())
	b.t.Cleanup(end)
	if err := chromedp.Do(ctx, evaluate("0")); err != nil {
		b.t.Fatal(err)
	}
	return &browser{b.t, ctx}
}

// evaluate runs JavaScript.
func evaluate(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](script)
}

// tab is a page in the browser.
type tab struct {
	t       *testing.T
	context context.Context
	close   func()
}

// open opens an address in a new tab.
func (b *browser) open(address string) *tab {
	b.t.Helper()
	ctx, end := chromedp.NewContext(b.context)
	b.t.Cleanup(end)
	p := &tab{b.t, ctx, end}
	// The tab ends with the context of its first action, so that has no limit.
	if err := chromedp.Do(ctx, evaluate("0")); err != nil {
		b.t.Fatal(err)
	}
	p.do(chromedp.Navigate(address))
	until(b.t, "the login leads to the page", func() bool {
		// There is no answer while the browser goes from one to the other.
		there, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("location.pathname != '/login' && document.querySelector('#canvas') != null"))
		return err == nil && there
	})
	return p
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.context, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// get does an action, and returns its result.
func get[T any](p *tab, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.context, patience)
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatal(err)
	}
	return result
}

// value returns what a JavaScript expression gives.
func value[T any](p *tab, expression string) T {
	p.t.Helper()
	return get(p, chromedp.Evaluate[T](expression))
}

// await waits until a JavaScript expression is true, and returns how long that took.
func (p *tab) await(expression string) time.Duration {
	p.t.Helper()
	began := time.Now()
	for end := began.Add(patience); !value[bool](p, "Boolean("+expression+")"); {
		if time.Now().After(end) {
			p.t.Fatalf("not within %v: %s\nthe page says:\n%s", patience, expression, value[string](p, "document.body.innerText"))
		}
	}
	return time.Since(began)
}

// awaitText waits for a text on the page.
func (p *tab) awaitText(text string) time.Duration {
	p.t.Helper()
	return p.await(fmt.Sprintf("document.body.innerText.includes(%q)", text))
}

func (p *tab) size(width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height))
}

func (p *tab) dark(dark bool) {
	p.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	p.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, media)
		return err
	}))
}

// click clicks the first element of a selector.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}
