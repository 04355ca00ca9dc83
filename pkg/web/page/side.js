// What is beside the picture: the trial, the problems, the probes and the timeline.

import { clock, differences, el, fill, get, pill, post } from './dom.js'

const heading = (text, count) => el('h2', {}, text, count !== undefined && el('span', { class: 'count' }, count))

const said = { failed: undefined }

// showTrial shows the trial that runs: how long it lasts, what it changes, and for who may the decision.
let trialShown
export function showTrial(section, state) {
  const trial = state.trial
  section.hidden = !trial
  document.body.classList.toggle('trying', Boolean(trial))
  if (!trial) {
    clearInterval(trialShown?.timer)
    trialShown = undefined
    return
  }
  const since = trial.since
  if (trialShown?.since !== since) {
    clearInterval(trialShown?.timer)
    said.failed = undefined
    const of = trialShown = { since, section, timer: setInterval(drawTrial, 1000) }
    get('trial/diff').then(({ diff }) => { of.diff = differences(diff) }, error => { of.diff = el('p', { class: 'quiet' }, error.message) }).then(drawTrial)
  }
  Object.assign(trialShown, { trial, until: Date.now() + trial.left, may: state.may_decide })
  drawTrial()
}

function drawTrial() {
  const { section, trial, until, may, diff } = trialShown || {}
  if (!trial) return
  const left = Math.max(0, Math.round((until - Date.now()) / 1000))
  const total = Math.max(1, (new Date(trial.deadline) - new Date(trial.since)) / 1000)
  fill(section, heading('Trial'),
    el('p', { class: 'countdown' }, el('strong', {}, countdown(left)), ' until the files are reverted'),
    el('progress', { max: Math.round(total), value: Math.min(left, Math.round(total)), 'aria-label': 'time left' }),
    el('p', {}, `${trial.by} tries ${trial.files.join(', ')}`),
    diff || el('p', { class: 'quiet' }, 'comparing the files …'),
    may
      ? el('p', { class: 'decide' }, decide('Confirm', 'confirm', 'Install the files'), decide('Revert', 'revert', 'Restore the state before'))
      : el('p', { class: 'quiet' }, 'Only root can confirm or revert it.'),
    said.failed && el('p', { class: 'error', role: 'alert' }, said.failed))
}

// countdown is a time in hours, minutes and seconds.
function countdown(seconds) {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  return parts.slice(parts[0] ? 0 : 1).map((n, i) => i ? String(n).padStart(2, '0') : n).join(':')
}

// decide is a button. fill keeps the first one, so what it does must not depend on when it was made.
const decide = (text, does, title) => el('button', {
  type: 'button', class: does, title, 'data-key': does,
  click: async event => {
    for (const b of event.target.parentNode.children) b.disabled = true
    said.failed = await post(does).then(() => undefined, error => error.message)
    for (const b of document.querySelectorAll('.decide button')) b.disabled = false
    drawTrial()
  },
}, text)

// showProblems shows a card for each cause.
export function showProblems(section, state, open) {
  const { problems } = state
  if (problems.length === 0) {
    fill(section, heading('Problems'), el('p', { class: 'well' }, state.known && !state.gone ? state.state === 'converged' ? 'None: everything is as the files want it.' : 'None so far.' : 'Not known.'))
    return
  }
  fill(section, heading('Problems', problems.length), problems.slice(0, mostCards).map(p => el('article', { class: `cause state-${p.state}` },
    el('p', { class: 'over' }, pill(p.state), p.since && el('time', { datetime: new Date(p.since).toISOString() }, `since ${clock(p.since)}`)),
    el('p', { class: 'why' }, p.title),
    p.lines.length > 0 && el('ul', { class: 'stops', tabindex: p.lines.length > 8 && 0, 'aria-label': 'What it stops' }, p.lines.map(stopped)),
    p.id && el('p', { class: 'where' }, el('button', { type: 'button', class: 'link', 'data-key': 'open ' + p.id, click: () => open(p.id) }, 'Show in the picture')))),
  problems.length > mostCards && el('p', { class: 'quiet' }, `and ${problems.length - mostCards} more: linkd status`))
}
const mostCards = 30

// stopped is a line of a problem: a resource, and where a file declares it.
function stopped(line) {
  const [what, where] = line.split(/ {2}(?=\S+$)/)
  return el('li', {}, what, where && el('span', { class: 'at', title: where }, where.replace(/^.*\//, '')))
}

// The probe whose way is drawn, and what became of it.
const shown = { name: undefined, report: undefined, error: undefined, busy: false }

// showProbes shows each probe, and the way of the chosen one.
export function showProbes(section, state, wiring) {
  section.hidden = state.probes.length === 0
  const redraw = () => showProbes(section, state, wiring)
  const choose = async name => {
    const hide = shown.name === name
    Object.assign(shown, { name: hide ? undefined : name, report: undefined, error: undefined, busy: !hide })
    wiring.showWay()
    redraw()
    if (hide) return
    const sent = await post('probe', { name }).then(report => ({ report }), error => ({ error: error.message }))
    if (shown.name !== name) return
    Object.assign(shown, sent, { busy: false })
    wiring.showWay(shown.report)
    redraw()
  }
  fill(section, heading('Probes', state.probes.length), el('ul', { class: 'probes' }, state.probes.map(p => el('li', { class: `state-${p.state}` },
    el('button', { type: 'button', 'aria-expanded': String(shown.name === p.name), 'data-key': 'probe ' + p.name, click: () => choose(p.name) },
      pill(p.state), el('span', { class: 'name' }, p.name), el('span', { class: 'quiet' }, `${p.from} → ${p.to}`)),
    el('p', { class: 'reason' }, p.reason || ''),
    shown.name === p.name && way()))))
}

// way is the way of the probe, hop by hop.
function way() {
  if (shown.busy) return el('p', { class: 'quiet' }, 'sending …')
  if (shown.error) return el('p', { class: 'error' }, shown.error)
  const { path, conclusion, advice, text, milliseconds, arrived } = shown.report
  const hops = list => el('ol', { class: 'hops' }, (list || []).map(h => el('li', {}, el('strong', {}, h.netns), h.in && ` in by ${h.in}`,
    el('ul', {}, (h.steps || []).map(s => el('li', { class: s.mark || 'passes' }, el('span', { class: 'step' }, s.kind), ' ', s.text))))))
  return el('div', { class: 'way' },
    el('p', { class: arrived ? 'well' : 'error' }, `${arrived ? 'arrives' : 'fails'}: ${text} (${milliseconds.toFixed(1)} ms)`),
    conclusion && el('p', { class: 'why' }, conclusion), advice && el('p', { class: 'advice' }, advice),
    path && hops(path.hops), path?.back?.length > 0 && [el('p', { class: 'quiet' }, 'the answer:'), hops(path.back)])
}

// showTimeline shows what has happened, the newest first.
let all = false
export function showTimeline(section, state, open) {
  const groups = together([...state.events].reverse())
  const some = all ? groups : groups.slice(0, fewEvents)
  const redraw = () => showTimeline(section, state, open)
  fill(section, heading('What happened'),
    groups.length === 0 && el('p', { class: 'quiet' }, 'Nothing since the daemon started.'),
    el('ol', { class: 'events' }, some.map(e => el('li', { class: `${e.event} state-${e.state || 'none'} ${e.failed ? 'error' : ''}` },
      el('time', { datetime: new Date(e.time).toISOString() }, clock(e.time)),
      el('span', { class: 'kind' }, names[e.event] || e.event),
      e.id ? el('button', { type: 'button', class: 'link what', 'data-key': `event ${e.time} ${e.text}`, click: () => open(e.id) }, e.text) : el('span', { class: 'what' }, e.text),
      e.others.length > 0 && el('span', { class: 'quiet', title: e.others.join('\n') }, `and ${e.others.length} more`),
      e.by && el('span', { class: 'by' }, e.by)))),
    groups.length > fewEvents && el('button', {
      type: 'button', class: 'more', 'data-key': 'more', click: () => {
        all = !all
        redraw()
      },
    }, all ? 'Show less' : `Show ${groups.length - fewEvents} more`))
}
const fewEvents = 10

// together puts events of one sort within a second into one entry: one cause changes the state of many resources. A link stands for
// what is on it.
function together(events) {
  const isLink = e => e.id?.includes('/link/')
  const groups = []
  for (const e of events) {
    const last = groups[groups.length - 1]
    if (!last || last.event !== e.event || last.state !== e.state || last.time - e.time >= 1000 || e.failed) groups.push({ ...e, others: [] })
    else if (isLink(e) && !isLink(last) || e.by && !last.by) groups[groups.length - 1] = { ...e, others: [last.text, ...last.others] }
    else last.others.push(e.text)
  }
  return groups
}
const names = { op: 'error' }
