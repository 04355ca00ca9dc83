// Elements, texts and requests. Text comes from outside: it only ever becomes a text node or the value of an attribute.

const svgNS = 'http://www.w3.org/2000/svg'
const svgTags = new Set(['svg', 'g', 'rect', 'path', 'text', 'title', 'circle'])

// el makes an element. An attribute whose value is a function is the handler of an event; false and undefined leave one out.
export function el(tag, attributes = {}, ...children) {
  const node = svgTags.has(tag) ? document.createElementNS(svgNS, tag) : document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name, value)
    else if (value === true) node.setAttribute(name, '')
    else if (value !== false && value !== undefined) node.setAttribute(name, value)
  }
  node.append(...children.flat().filter(c => c !== undefined && c !== false).map(c => c instanceof Node ? c : plain(c)))
  return node
}

export const byID = id => document.getElementById(id)

// plain replaces the characters that are not printed, or that change the direction of writing, as pkg/plain does.
export const plain = text => String(text).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')

// fill gives a node other children. It keeps every element that stays the same, with its focus and its handlers: what a button does
// follows from its data-key.
export function fill(node, ...children) {
  const focused = node.contains(document.activeElement) ? document.activeElement.dataset.key : undefined
  patchChildren(node, el('div', {}, ...children))
  if (focused && !node.contains(document.activeElement)) [...node.querySelectorAll('[data-key]')].find(n => n.dataset.key === focused)?.focus()
}

function patchChildren(node, next) {
  const before = [...node.childNodes]
  const after = [...next.childNodes]
  for (const [i, child] of after.entries()) {
    if (before[i]) patch(before[i], child)
    else node.append(child)
  }
  for (const child of before.slice(after.length)) child.remove()
}

function patch(node, next) {
  if (node.nodeName === 'DETAILS' && next.nodeName === 'DETAILS' && node.dataset.key === next.dataset.key) next.open = node.open
  if (node.isEqualNode(next)) return
  if (node.nodeType === Node.ELEMENT_NODE && node.cloneNode().isEqualNode(next.cloneNode())) patchChildren(node, next)
  else node.replaceWith(next)
}

// get and post ask the server. They throw its error message.
export const get = (path, query = {}) => ask(`api/${path}?${new URLSearchParams(pairs(query))}`)
export const post = (path, body = {}) => ask(`api/${path}`, { method: 'POST', body: JSON.stringify(body) })

function pairs(query) {
  return Object.entries(query).flatMap(([name, value]) => [value].flat().map(v => [name, v]))
}

async function ask(path, options) {
  const answer = await fetch(path, { cache: 'no-store', ...options })
  if (!(answer.headers.get('Content-Type') || '').includes('json')) throw new Error(await answer.text())
  const value = await answer.json()
  if (!answer.ok) throw new Error(value.error)
  return value
}

const two = n => String(n).padStart(2, '0')

// clock is a time of day, with the date if it is another day.
export function clock(ms) {
  const at = new Date(ms)
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
  return at.toDateString() === new Date().toDateString() ? time : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`
}

// pill is the name of a state in its colour.
export const pill = state => el('span', { class: `pill state-${state}` }, state)

// differences shows a unified diff.
export function differences(text) {
  const lines = text.replace(/\n$/, '').split('\n').filter(l => !l.startsWith('diff '))
  const kind = l => l.startsWith('+++') || l.startsWith('---') ? 'head' : { '+': 'added', '-': 'removed', '@': 'place' }[l[0]]
  return el('pre', { class: 'diff', tabindex: 0 }, text === '' ? 'no difference' : lines.map(l => el('span', { class: kind(l) || 'same' }, l || ' ')))
}
