package web

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	// cell is the size in pixels of the squares that are compared by their mean colour: letters of another version of a font differ
	// less than a box that is elsewhere.
	cell = 16
	// mostDifferent is the share of the squares that may differ, and tolerance by how much a square may without counting, of 255.
	mostDifferent = 0.02
	tolerance     = 20
)

// steady replaces what is different each time: times, process IDs, counters and durations.
const steady = `(() => {
	for (const n of document.querySelectorAll('time')) n.textContent = n.textContent.replace(/\d\d:\d\d:\d\d/, '12:00:00')
	for (const n of document.querySelectorAll('td.number')) n.textContent = '840'
	for (const n of document.querySelectorAll('.countdown strong')) n.textContent = '1:35'
	for (const n of document.querySelectorAll('progress')) n.value = n.max * .8
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
	while (texts.nextNode()) {
		const was = texts.currentNode.data
		const now = was.replace(/process \d+/g, 'process 4711').replace(/\d+\.\d+ ms/g, '0.1 ms').replace(/\d+(\.\d+)? (ms|µs)\b/g, '0.1 ms')
		if (now !== was) texts.currentNode.data = now
	}
})()`

// compare compares the page with docs/pictures/NAME.png.
func (p *tab) compare(name string) {
	p.t.Helper()
	p.do(evaluate(steady))
	got, err := png.Decode(bytes.NewReader(get(p, chromedp.CaptureScreenshot())))
	if err != nil {
		p.t.Fatal(err)
	}
	path := filepath.Join("../../docs/pictures", name+".png")
	if *update {
		writePicture(p.t, path, got)
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	want, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		p.t.Fatalf("%s: %v", path, err)
	}
	if share := difference(got, want); share > mostDifferent {
		seen := filepath.Join("../../build", name+".png")
		writePicture(p.t, seen, got)
		p.t.Errorf("%.1f %% of the page differ from %s: see %s, and if it is right, make test-web UPDATE=-update", 100*share, path, seen)
	} else {
		p.t.Logf("%s: %.2f %% differ", name, 100*share)
	}
}

// difference returns the share of the squares in which two pictures differ; 1 for pictures of different sizes.
func difference(a, b image.Image) float64 {
	if a.Bounds() != b.Bounds() {
		return 1
	}
	cells, differ := 0, 0
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y += cell {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x += cell {
			square := image.Rect(x, y, x+cell, y+cell).Intersect(a.Bounds())
			m, n := mean(a, square), mean(b, square)
			cells++
			for i := range m {
				if max(m[i]-n[i], n[i]-m[i]) > tolerance {
					differ++
					break
				}
			}
		}
	}
	return float64(differ) / float64(cells)
}

// mean returns the mean colour of a part of a picture.
func mean(p image.Image, of image.Rectangle) (m [3]int) {
	for y := of.Min.Y; y < of.Max.Y; y++ {
		for x := of.Min.X; x < of.Max.X; x++ {
			r, g, b, _ := p.At(x, y).RGBA()
			m[0], m[1], m[2] = m[0]+int(r>>8), m[1]+int(g>>8), m[2]+int(b>>8)
		}
	}
	for i := range m {
		m[i] /= of.Dx() * of.Dy()
	}
	return m
}

// writePicture writes a picture with its 256 most frequent colours, which makes the file a third as large.
func writePicture(t *testing.T, path string, p image.Image) {
	t.Helper()
	counts := map[color.RGBA]int{}
	each := func(do func(x, y int, c color.RGBA)) {
		for y := p.Bounds().Min.Y; y < p.Bounds().Max.Y; y++ {
			for x := p.Bounds().Min.X; x < p.Bounds().Max.X; x++ {
				r, g, b, _ := p.At(x, y).RGBA()
				do(x, y, color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255})
			}
		}
	}
	each(func(_, _ int, c color.RGBA) { counts[c]++ })
	colours := make([]color.RGBA, 0, len(counts))
	for c := range counts {
		colours = append(colours, c)
	}
	slices.SortFunc(colours, func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	palette := color.Palette{}
	for _, c := range colours[:min(len(colours), 256)] {
		palette = append(palette, c)
	}
	index := map[color.RGBA]uint8{}
	out := image.NewPaletted(p.Bounds(), palette)
	each(func(x, y int, c color.RGBA) {
		i, known := index[c]
		if !known {
			i = uint8(palette.Index(c))
			index[c] = i
		}
		out.SetColorIndex(x, y, i)
	})
	var text bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&text, out); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The comparison itself can fail: a box that is elsewhere is a difference, and noise is none.
func TestDifference(t *testing.T) {
	draw := func(at int, noise uint8) image.Image {
		p := image.NewRGBA(image.Rect(0, 0, 1280, 800))
		for y := range 800 {
			for x := range 1280 {
				c := color.RGBA{250 - noise*uint8(x%2), 250, 250, 255}
				if x >= at && x < at+200 && y >= 100 && y < 260 {
					c = color.RGBA{0, 119, 90, 255}
				}
				p.Set(x, y, c)
			}
		}
		return p
	}
	if share := difference(draw(100, 0), draw(100, 30)); share > 0 {
		t.Errorf("noise is %.2f of the picture", share)
	}
	if share := difference(draw(100, 0), draw(400, 0)); share <= mostDifferent {
		t.Errorf("a box that is elsewhere is %.4f of the picture", share)
	}
}
