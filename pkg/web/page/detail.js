// What is known about one interface: its resources, the lines that ask for it, its counters and what happened to it.

import { clock, el, fill, get, pill } from './dom.js'

const countPause = 2000

export class Detail {
  constructor(section, closed) {
    this.section = section
    this.closed = closed
  }

  async open(netns, name) {
    this.of = [netns, name]
    this.section.hidden = false
    this.at = undefined
    await this.fetch()
    this.section.scrollIntoView({ block: 'nearest' })
  }

  close() {
    if (!this.of) return
    this.of = undefined
    this.section.hidden = true
    this.closed()
  }

  update(state) {
    if (this.of && state.revision !== this.at) this.fetch(state.revision)
  }

  // fetch shows the interface, and again soon for its counters.
  async fetch(revision) {
    clearTimeout(this.timer)
    const of = this.of
    this.at = revision ?? this.at
    const d = await get('link', { netns: of[0], name: of[1] }).catch(error => ({ error: error.message }))
    if (this.of !== of) return
    this.draw(of, d)
    if (d.counters) this.timer = setTimeout(() => this.of === of && !document.hidden && this.fetch(), countPause)
  }

  draw([netns, name], d) {
    const title = el('h2', {}, el('span', { class: 'place' }, netns, '/'), name,
      el('button', { type: 'button', class: 'close', 'aria-label': 'Close', 'data-key': 'close', click: () => this.close() }, '×'))
    if (d.error) return fill(this.section, title, el('p', { class: 'error' }, d.error))
    fill(this.section, title,
      d.resources.length === 0 ? el('p', { class: 'quiet' }, 'No file declares it: linkd leaves it alone.') : el('ul', { class: 'resources' }, d.resources.map(r => el('li', { class: `state-${r.state}` },
        pill(r.state), el('span', { class: 'kind' }, r.kind), el('span', { class: 'key' }, r.key), r.reason && el('p', { class: 'reason' }, r.reason)))),
      d.counters ? counters(d.counters) : el('p', { class: 'quiet' }, `no counters: ${d.uncounted}`),
      d.blocks.map(b => el('figure', {}, el('figcaption', {}, b.file), el('pre', { class: 'source', tabindex: 0 }, b.lines.map((line, i) =>
        el('span', { class: b.marked.includes(b.first + i) ? 'marked' : 'line' }, el('span', { class: 'number', 'aria-hidden': 'true' }, b.first + i), line || ' '))))),
      d.events.length > 0 && [el('h3', {}, 'What happened to it'), el('ol', { class: 'events' }, [...d.events].reverse().slice(0, 10).map(e => el('li', { class: `${e.event} state-${e.state || 'none'}` },
        el('time', {}, clock(e.time)), el('span', { class: 'kind' }, e.event), el('span', { class: 'what' }, e.text), e.by && el('span', { class: 'by' }, e.by))))])
  }
}

function counters(c) {
  const rows = [['packets', c.RxPackets, c.TxPackets], ['bytes', c.RxBytes, c.TxBytes], ['errors', c.RxErrors, c.TxErrors], ['dropped', c.RxDropped, c.TxDropped]]
  return el('table', { class: 'counters' },
    el('thead', {}, el('tr', {}, el('td'), el('th', { scope: 'col' }, 'received'), el('th', { scope: 'col' }, 'sent'))),
    el('tbody', {}, rows.map(([name, rx, tx]) => el('tr', {}, el('th', { scope: 'row' }, name), number(rx, name), number(tx, name)))))
}

const number = (n, name) => el('td', { class: n > 0 && (name === 'errors' || name === 'dropped') ? 'bad' : 'number' }, n.toLocaleString('en'))
