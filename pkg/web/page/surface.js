// The window on the picture: scrolling, dragging and zooming. The browser draws only what is in the window.

import { byID } from './dom.js'

const [smallest, largest, farAway, readable] = [0.08, 3, 0.45, 0.75]

export class Surface {
  constructor(window, svg) {
    this.window = window
    this.svg = svg
    this.scale = 0 // 0: as large as fits
    window.append(svg)
    byID('larger').addEventListener('click', () => this.zoom(1.25))
    byID('smaller').addEventListener('click', () => this.zoom(0.8))
    byID('fit').addEventListener('click', () => this.fit())
    window.addEventListener('wheel', event => {
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      this.zoom(Math.exp(-event.deltaY / 300), event.clientX, event.clientY)
    }, { passive: false })
    window.addEventListener('keydown', event => {
      const does = { '+': () => this.zoom(1.25), '=': () => this.zoom(1.25), '-': () => this.zoom(0.8), 0: () => this.fit() }[event.key]
      if (!does || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      does()
    })
    new ResizeObserver(() => this.scale === 0 && this.apply()).observe(window)
    this.drag()
  }

  // drag moves the picture with the mouse. Fingers scroll it.
  drag() {
    let from
    this.window.addEventListener('pointerdown', event => {
      if (event.pointerType !== 'mouse' || event.button !== 0) return
      from = [event.clientX + this.window.scrollLeft, event.clientY + this.window.scrollTop]
    })
    addEventListener('pointermove', event => {
      if (!from) return
      this.window.classList.add('dragging')
      this.window.scrollTo(from[0] - event.clientX, from[1] - event.clientY)
    })
    addEventListener('pointerup', () => {
      from = undefined
      this.window.classList.remove('dragging')
    })
  }

  resize(width, height) {
    if (width === this.width && height === this.height) return
    ;[this.width, this.height] = [width, height]
    this.svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
    this.apply()
  }

  // fitting is the scale at which the picture is in the window: all of it if it can be read then, and else its whole width.
  fitting() {
    const wide = this.window.clientWidth / (this.width || 1)
    // On a telephone the window is as high as the picture.
    if (getComputedStyle(this.window).maxHeight !== 'none') return Math.min(1.4, Math.max(smallest, wide))
    const whole = Math.min(wide, this.window.clientHeight / (this.height || 1))
    return Math.min(1.4, Math.max(smallest, whole < readable ? Math.max(whole, Math.min(wide, readable)) : whole))
  }

  now() {
    return this.scale || this.fitting()
  }

  apply() {
    const scale = this.now()
    this.svg.setAttribute('width', Math.floor((this.width || 0) * scale))
    this.svg.setAttribute('height', Math.floor((this.height || 0) * scale))
    this.svg.classList.toggle('far', scale < farAway)
  }

  fit() {
    this.scale = 0
    this.apply()
  }

  // zoom keeps the point under the mouse, or the middle, where it is.
  zoom(by, x, y) {
    const box = this.window.getBoundingClientRect()
    const [dx, dy] = x === undefined ? [box.width / 2, box.height / 2] : [x - box.left, y - box.top]
    const before = this.now()
    this.scale = Math.min(largest, Math.max(smallest, before * by))
    this.apply()
    const ratio = this.scale / before
    this.window.scrollTo((this.window.scrollLeft + dx) * ratio - dx, (this.window.scrollTop + dy) * ratio - dy)
  }

  // reveal scrolls the picture so that a part of it is in the window. It leaves the page where it is.
  reveal(node) {
    const box = node.getBoundingClientRect()
    const window = this.window.getBoundingClientRect()
    if (box.left < window.left || box.right > window.right) this.window.scrollLeft += box.left + box.width / 2 - window.left - window.width / 2
    if (box.top < window.top || box.bottom > window.bottom) this.window.scrollTop += box.top + box.height / 2 - window.top - window.height / 2
  }
}
