// The picture. The server lays it out; this draws it, and replaces only what has changed.

import { byID, el, fill, get } from './dom.js'
import { Surface } from './surface.js'
import { wayOver } from './way.js'

const cardKey = (netns, name) => `card ${netns}/${name}`
const endKey = end => `${end.namespace || ''}/${end.name}`

export class Wiring {
  constructor(choice, remember, open) {
    this.choice = choice
    this.remember = remember
    this.open = open
    this.drawn = new Map() // the node of each key, and the JSON from which it was drawn
    this.wires = el('g')
    this.frames = el('g')
    this.way = el('g', { 'aria-hidden': 'true' })
    this.cards = el('g')
    this.crosses = el('g', { 'aria-hidden': 'true' })
    this.svg = el('svg', { role: 'group', 'aria-label': 'Wiring: arrow keys go from interface to interface, Enter opens one' }, this.frames, this.wires, this.way, this.cards, this.crosses)
    this.surface = new Surface(byID('canvas'), this.svg)
    this.svg.addEventListener('click', event => this.clicked(event.target))
    this.svg.addEventListener('keydown', event => this.key(event))
    byID('search').addEventListener('input', () => this.search())
    byID('search').form.addEventListener('submit', event => {
      event.preventDefault()
      this.next()
    })
    byID('only').addEventListener('change', event => this.add(event.target))
    byID('fold').addEventListener('click', () => this.foldAll())
  }

  update(state) {
    if (state.known && (state.wired !== this.wired || this.stale)) this.fetch(state.wired)
    this.gone = state.gone
  }

  // fetch draws the wiring. While it does, it notes that there is a newer one.
  async fetch(wired) {
    if (this.fetching) {
      this.again = true
      return
    }
    this.fetching = true
    do {
      this.again = false
      try {
        const asked = this.choice.toString()
        const layout = await get('wiring', { only: this.choice.getAll('only'), collapse: this.choice.getAll('collapse') })
        this.wired = layout.wired
        this.stale = asked !== this.choice.toString()
        this.again ||= this.stale
        this.draw(layout)
      } catch (error) {
        this.wired = undefined
        fill(byID('found'), error.message)
      }
    } while (this.again)
    this.fetching = false
  }

  draw(layout) {
    this.layout = layout
    const keep = new Set()
    const focused = document.activeElement?.dataset?.key
    for (const f of layout.frames) {
      this.put(this.frames, `frame ${f.remote ? 'remote ' : ''}${f.name}`, { ...f, cards: (f.cards || []).length }, f => drawFrame(f), keep)
      for (const c of f.cards || []) this.put(this.cards, cardKey(f.name, c.name), { ...c, netns: f.name }, drawCard, keep)
    }
    for (const w of layout.wires) this.put(this.wires, `wire ${w.join} ${endKey(w.from)} ${endKey(w.to)}`, w, drawWire, keep)
    for (const [key, { node }] of this.drawn) {
      if (keep.has(key)) continue
      node.remove()
      this.drawn.delete(key)
    }
    if (focused) this.drawn.get(focused)?.node.focus()
    this.surface.resize(layout.width, layout.height)
    if (!this.cards.querySelector('[tabindex="0"]')) this.cards.firstElementChild?.setAttribute('tabindex', 0)
    if (this.selected) this.mark()
    this.search()
    this.overlay()
    this.controls()
  }

  // put draws one thing, unless it is drawn already.
  put(into, key, thing, draw, keep) {
    keep.add(key)
    const json = JSON.stringify(thing)
    const known = this.drawn.get(key)
    if (known?.json === json) {
      // A later one is drawn over an earlier one.
      return
    }
    const node = draw(thing)
    node.dataset.key = key
    if (known) {
      if (known.node.getAttribute('tabindex') === '0') node.setAttribute('tabindex', 0)
      if (known.node.classList.contains('selected')) node.classList.add('selected')
      known.node.replaceWith(node)
    } else into.append(node)
    this.drawn.set(key, { node, json, thing })
  }

  controls() {
    const { namespaces, legend } = this.layout
    fill(byID('namespaces'), namespaces.map(n => el('option', { value: n })))
    fill(byID('chosen'), this.choice.getAll('only').map(n => el('button', { type: 'button', class: 'chip', title: 'Show the others, too', click: () => this.remove('only', n) }, n, ' ×')))
    fill(byID('legend'), legend.map(l => el('li', {}, el('span', { class: `swatch ${l.state}` }), l.text)))
    fill(byID('fold'), this.choice.has('collapse') ? 'Expand all' : 'Collapse all')
  }

  changeChoice() {
    this.remember()
    this.stale = true
    this.fetch()
  }

  add(input) {
    if (!this.layout?.namespaces.includes(input.value)) return
    if (!this.choice.getAll('only').includes(input.value)) this.choice.append('only', input.value)
    input.value = ''
    this.changeChoice()
  }

  remove(list, name) {
    const rest = this.choice.getAll(list).filter(n => n !== name)
    this.choice.delete(list)
    for (const n of rest) this.choice.append(list, n)
    this.changeChoice()
  }

  toggle(netns) {
    if (this.choice.getAll('collapse').includes(netns)) return this.remove('collapse', netns)
    this.choice.append('collapse', netns)
    this.changeChoice()
  }

  foldAll() {
    const folded = this.choice.has('collapse')
    this.choice.delete('collapse')
    if (!folded) for (const n of this.layout?.namespaces || []) this.choice.append('collapse', n)
    this.changeChoice()
  }

  clicked(target) {
    const fold = target.closest?.('.fold')
    if (fold) return this.toggle(fold.parentNode.dataset.name)
    const card = target.closest?.('.card')
    if (card) return this.openCard(card)
    const wire = target.closest?.('.wire')
    if (!wire) return
    const { from } = this.drawn.get(wire.dataset.key).thing
    const end = this.drawn.get(cardKey(from.namespace, from.name))
    if (end) this.openCard(end.node)
  }

  openCard(node) {
    const { netns, name } = this.drawn.get(node.dataset.key).thing
    this.select(netns, name)
    this.open(netns, name)
  }

  // select marks an interface, or none, and reports whether the picture has it.
  select(netns, name) {
    this.selected = name === undefined ? undefined : cardKey(netns, name)
    for (const node of this.svg.querySelectorAll('.selected')) node.classList.remove('selected')
    return this.mark()
  }

  mark() {
    const node = this.drawn.get(this.selected)?.node
    if (!node) return false
    node.classList.add('selected')
    this.focus(node)
    this.surface.reveal(node)
    return true
  }

  // focus makes a card the one that the tab key goes to.
  focus(node) {
    this.cards.querySelector('[tabindex="0"]')?.setAttribute('tabindex', -1)
    node.setAttribute('tabindex', 0)
  }

  key(event) {
    const node = event.target
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault()
      this.clicked(node)
      return
    }
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key]
    if (!way || !node.classList.contains('card')) return
    event.preventDefault()
    const next = this.nearest(node, way)
    if (!next) return
    this.focus(next)
    next.focus({ preventScroll: true })
    this.surface.reveal(next)
  }

  // nearest is the card that is next to another in a direction.
  nearest(node, [dx, dy]) {
    const middle = n => {
      const { x, y, w, h } = this.drawn.get(n.dataset.key).thing
      return [x + w / 2, y + h / 2]
    }
    const [x, y] = middle(node)
    let best, least = Infinity
    for (const other of this.cards.children) {
      const [ox, oy] = middle(other)
      const along = (ox - x) * dx + (oy - y) * dy
      const across = Math.abs((ox - x) * dy) + Math.abs((oy - y) * dx)
      if (along > 1 && along + 3 * across < least) [best, least] = [other, along + 3 * across]
    }
    return best
  }

  find(text) {
    byID('search').value = text
    this.search()
    this.next()
  }

  // search dims what does not match the words in the search field.
  search() {
    const words = byID('search').value.toLowerCase().split(/\s+/).filter(w => w)
    this.svg.classList.toggle('searching', words.length > 0)
    this.matches = []
    for (const { node, thing } of this.drawn.values()) {
      if (!node.classList.contains('card') && !node.classList.contains('frame')) continue
      const text = [thing.netns || '', thing.name, thing.kind || '', thing.state, ...(thing.text || []).map(t => t.words)].join(' ').toLowerCase()
      const hit = words.length > 0 && words.every(w => text.includes(w))
      node.classList.toggle('match', hit)
      if (hit) this.matches.push(node)
    }
    fill(byID('found'), words.length === 0 ? '' : this.matches.length === 0 ? 'nothing found' : `${this.matches.length} found`)
  }

  // next shows the next thing that was found.
  next() {
    if (!this.matches?.length) return
    this.at = (this.matches.indexOf(this.at) + 1) % this.matches.length
    const node = this.matches[this.at]
    this.at = node
    this.surface.reveal(node)
    if (node.classList.contains('card')) this.focus(node)
  }

  // showWay draws the way of a probe over the wiring; none without a report.
  showWay(report) {
    this.report = report
    this.overlay()
  }

  overlay() {
    for (const node of this.svg.querySelectorAll('.passed, .stopped')) node.classList.remove('passed', 'stopped')
    const way = this.report ? wayOver(this.report, this.drawn) : { lines: [], crosses: [] }
    this.way.replaceChildren(...way.lines)
    this.crosses.replaceChildren(...way.crosses)
  }
}

function drawText(x, y, words, attributes = {}) {
  return el('text', { x, y, ...attributes }, words)
}

const about = thing => `${thing.netns ? thing.netns + '/' : ''}${thing.name}: ${thing.state}${thing.reason ? ` (${thing.reason})` : ''}`

function drawFrame(f) {
  const folded = !f.remote && f.cards === 0
  const g = el('g', { class: `frame ${f.state} ${f.remote ? 'remote' : ''}`, role: 'group', 'aria-label': about(f) }, el('title', {}, about(f)),
    el('rect', { x: f.x, y: f.y, width: f.w, height: f.h, rx: f.remote ? f.h / 2 : 10 }))
  if (f.remote) {
    g.append(drawText(f.x + f.w / 2, f.y + f.h / 2 + 4, f.name, { 'text-anchor': 'middle' }))
    return g
  }
  g.dataset.name = f.name
  f.text.forEach((t, i) => g.append(drawText(f.x + 14, f.y + 24 + 15 * i, t.words, { class: i ? 'small' : 'name' })))
  const [x, y] = [f.x + f.w - 18, f.y + 18]
  g.append(el('g', { class: 'fold', role: 'button', tabindex: 0, 'aria-label': `${folded ? 'Expand' : 'Collapse'} ${f.name}` },
    el('circle', { cx: x, cy: y, r: 9 }), el('path', { d: folded ? `M${x - 4} ${y}h8M${x} ${y - 4}v8` : `M${x - 4} ${y}h8` })))
  return g
}

function drawCard(c) {
  const words = [c.name, c.kind, c.state, c.reason, ...(c.text || []).map(t => t.words)].filter(w => w)
  return el('g', { class: `card ${c.state}`, role: 'button', tabindex: -1, 'aria-label': `${c.netns}: ${words.join(', ')}` }, el('title', {}, about(c)),
    el('rect', { x: c.x, y: c.y, width: c.w, height: c.h, rx: 6 }),
    drawText(c.x + 8, c.y + 15, c.name, { class: 'name' }),
    c.kind && drawText(c.x + c.w - 8, c.y + 15, c.kind, { class: 'small', 'text-anchor': 'end' }),
    (c.text || []).map((t, i) => drawText(c.x + 8, c.y + 32 + 15 * i, t.words, { class: `note ${t.state}` })))
}

function drawWire(w) {
  const ends = `${w.join} ${w.from.name} - ${w.to.name}: ${w.state}${w.reason ? ` (${w.reason})` : ''}`
  return el('g', { class: `wire ${w.join} ${w.state}` }, el('title', {}, ends), el('path', { class: 'target', d: w.path }), el('path', { d: w.path }))
}
