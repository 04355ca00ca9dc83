// The views that are lists: all resources, and the history.

import { clock, differences, el, fill, get, pill } from './dom.js'

const mostRows = 300
const worst = ['failed', 'flapping', 'blocked', 'pending', 'ok']

export class Resources {
  constructor(section, open) {
    this.open = open
    this.rows = []
    this.filter = el('input', { type: 'search', placeholder: 'Find an ID, a state, a reason …', 'aria-label': 'Find resources', spellcheck: 'false', input: () => this.draw() })
    this.count = el('output')
    this.table = el('div', { class: 'table', tabindex: 0 })
    section.append(el('h2', {}, 'Resources'), el('p', { class: 'tools' }, this.filter, this.count), this.table)
  }

  async update(state) {
    if (this.at === state.revision || this.fetching) return
    this.fetching = true
    this.at = state.revision
    this.rows = await get('resources').catch(() => [])
    this.fetching = false
    this.draw()
  }

  draw() {
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(w => w)
    const hits = this.rows.filter(r => {
      const text = `${r.id} ${r.state} ${r.source} ${r.reason || ''}`.toLowerCase()
      return words.every(w => text.includes(w))
    })
    hits.sort((a, b) => worst.indexOf(a.state) - worst.indexOf(b.state))
    fill(this.count, `${hits.length} of ${this.rows.length}`, hits.length > mostRows && `; the first ${mostRows} are shown`)
    fill(this.table, el('table', {},
      el('thead', {}, el('tr', {}, ['State', 'Resource', 'File', 'Reason'].map(t => el('th', { scope: 'col' }, t)))),
      el('tbody', {}, hits.slice(0, mostRows).map(r => el('tr', { class: `state-${r.state}` }, el('td', {}, pill(r.state)),
        el('td', {}, el('button', { type: 'button', class: 'link', 'data-key': r.id, click: () => this.open(r.id) }, r.id)),
        el('td', { class: 'quiet', title: r.source }, r.source.replace(/^.*\//, '')), el('td', {}, r.reason || ''))))))
  }
}

const causes = { files: 'the files changed', trial: 'a trial began', confirmed: 'a trial was confirmed', reverted: 'a trial was reverted', apply: 'linkd apply', teardown: 'linkd teardown' }

export class History {
  constructor(section) {
    this.list = el('div')
    this.diffs = new Map()
    section.append(el('h2', {}, 'History'), el('p', { class: 'quiet' }, 'The last states that were in force, the newest first. linkd try --history NUMBER brings one back.'), this.list)
  }

  async update(state) {
    if (this.at === state.revision || this.fetching) return
    this.fetching = true
    this.at = state.revision
    try {
      this.states = await get('history')
      this.draw()
    } catch (error) {
      fill(this.list, el('p', { class: 'quiet' }, error.message))
    }
    this.fetching = false
  }

  draw() {
    if (this.states.length === 0) return fill(this.list, el('p', { class: 'quiet' }, 'There is none yet.'))
    fill(this.list, el('ol', { class: 'states' }, this.states.map(s => el('li', {}, el('details', { 'data-key': 'state ' + s.number, toggle: event => event.target.open && this.load(s.number) },
      el('summary', {}, el('span', { class: 'nr' }, s.number), el('time', {}, clock(new Date(s.time).getTime())), el('span', { class: 'how' }, causes[s.cause] || s.cause),
        el('span', { class: 'quiet' }, s.done), pill(s.state || 'interrupted')),
      this.diffs.get(s.number) || el('p', { class: 'quiet' }, 'comparing the files …'))))))
  }

  async load(number) {
    if (this.diffs.has(number)) return
    this.diffs.set(number, await get('history/diff', { number }).then(({ diff }) => differences(diff), error => el('p', { class: 'error' }, error.message)))
    this.draw()
  }
}
