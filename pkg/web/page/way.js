// The way of a probe over the wiring.

import { el } from './dom.js'

// wayOver marks what the packet passes, and returns lines over the wires between that, and a cross where it stops.
export function wayOver(report, drawn) {
  const path = report.path
  if (!path) return { lines: [], crosses: [] }
  const there = mark(stations(path.hops), drawn, 'there')
  const back = mark(stations(path.back), drawn, 'back')
  return { lines: [...back, ...there], crosses: cross(path, drawn) }
}

// stations are the interfaces on the way, each as its namespace and its name.
function stations(hops) {
  const all = []
  const pass = (netns, name) => {
    const last = all[all.length - 1]
    if (!last || last[0] !== netns || last[1] !== name) all.push([netns, name])
  }
  for (const hop of hops || []) {
    if (hop.in) pass(hop.netns, hop.in)
    for (const step of hop.steps || []) for (const by of step.by || []) pass(by.netns, by.name)
  }
  return all
}

// place is the card of an interface, or the box of its namespace if that is collapsed.
function place([netns, name], drawn) {
  return drawn.get(`card ${netns}/${name}`) || drawn.get(`frame ${netns}`)
}

function mark(all, drawn, way) {
  const wires = [...drawn.values()].filter(d => d.node.classList.contains('wire'))
  const joins = (end, [netns, name]) => (end.namespace || '') === netns && (end.name === name || end.name === '')
  const ports = end => wires.filter(({ thing: w }) => w.join === 'port' && joins(w.from, end))
  // bridged are the wires from two ports to their bridge.
  const bridged = (a, b) => ports(a).flatMap(one => ports(b).filter(({ thing: w }) => joins(w.to, [one.thing.to.namespace, one.thing.to.name])).flatMap(other => [one, other]))
  const lines = []
  for (const [i, at] of all.entries()) {
    place(at, drawn)?.node.classList.add('passed')
    const before = all[i - 1]
    if (!before) continue
    const direct = wires.find(({ thing: w }) => joins(w.from, before) && joins(w.to, at) || joins(w.from, at) && joins(w.to, before))
    for (const wire of direct ? [direct] : bridged(before, at)) lines.push(el('path', { class: `way ${way}`, d: wire.thing.path }))
  }
  return lines
}

// cross marks where the packet or its answer stops: at the last interface on its way in that namespace, or at the namespace.
function cross(path, drawn) {
  const obstacle = path.obstacle
  if (!obstacle) return []
  const last = stations(obstacle.answer ? path.back : path.hops).filter(([netns]) => netns === obstacle.netns).pop()
  const at = (last && place(last, drawn)) || drawn.get(`frame ${obstacle.netns}`)
  if (!at) return []
  at.node.classList.add('stopped')
  const [x, y] = [at.thing.x + at.thing.w - 6, at.thing.y + 2]
  return [el('g', { class: 'cross' }, el('circle', { cx: x, cy: y, r: 10 }), el('path', { d: `M${x - 4} ${y - 4}l8 8M${x + 4} ${y - 4}l-8 8` }))]
}
