import { byID, el, fill, plain } from './dom.js'
import { follow } from './live.js'
import { Wiring } from './wiring.js'
import { showProblems, showProbes, showTimeline, showTrial } from './side.js'
import { Detail } from './detail.js'
import { History, Resources } from './lists.js'

// choice is what the address says after #: the view, and what the picture shows.
const choice = new URLSearchParams(location.hash.slice(1))
const remember = () => history.replaceState(null, '', '#' + choice)

const detail = new Detail(byID('detail'), () => wiring.select())
const wiring = new Wiring(choice, remember, (netns, name) => detail.open(netns, name))
const views = { wiring, resources: new Resources(byID('resources'), openID), history: new History(byID('history')) }
let state

// openID opens the interface that a resource is about, by its ID NETNS/KIND/KEY.
function openID(id) {
  const [netns, , key] = id.split('/')
  choose('wiring')
  if (wiring.select(netns, key)) detail.open(netns, key)
  else wiring.find(netns)
}

function choose(view) {
  choice.set('view', view)
  remember()
  for (const name of Object.keys(views)) byID(name).hidden = name !== view
  for (const button of document.querySelectorAll('nav button')) {
    if (button.dataset.view === view) button.setAttribute('aria-current', 'page')
    else button.removeAttribute('aria-current')
  }
  document.body.dataset.view = view
  refresh()
}

function refresh() {
  if (state && !document.hidden) views[choice.get('view')].update(state)
}

function show(next) {
  state = next
  document.title = plain(`${next.gone ? 'no answer' : next.state || 'linkd'} · ${next.host}`)
  fill(byID('host'), next.host)
  byID('state').className = next.gone ? 'unknown' : `state-${next.state}`
  fill(byID('summary'), next.gone ? `last known state: ${next.summary || 'none'}` : next.summary || 'waiting for linkd')
  complain(next.gone && `${next.gone}. This page goes on when the daemon answers.`)
  fill(byID('remarks'), next.remarks.map(r => el('li', {}, r)))
  showTrial(byID('trial'), next)
  showProblems(byID('problems'), next, openID)
  showProbes(byID('probes'), next, wiring)
  showTimeline(byID('timeline'), next, openID)
  detail.update(next)
  refresh()
}

function complain(text) {
  byID('gone').hidden = !text
  byID('gone').textContent = plain(text || '')
}

for (const button of document.querySelectorAll('nav button')) button.addEventListener('click', () => choose(button.dataset.view))
document.addEventListener('visibilitychange', refresh)
const startsSearch = event => event.key === '/' && !event.target.matches('input')
document.addEventListener('keydown', event => {
  if (event.key === 'Escape') detail.close()
  // Some browsers have a search of their own for this key.
  if (startsSearch(event)) event.preventDefault()
})
document.addEventListener('keyup', event => {
  if (startsSearch(event)) byID('search').focus()
})
choose(choice.get('view') in views ? choice.get('view') : 'wiring')
follow(show, complain)
