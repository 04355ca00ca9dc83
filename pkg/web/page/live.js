// One stream of server-sent events for all pages of a browser: a browser has six connections to a server. The page that holds the lock
// receives the stream and tells the others. When it is closed, the next one gets the lock.

export function follow(show, lost) {
  let last
  let leads = false
  const channel = new BroadcastChannel('linkd' + location.pathname)
  const told = message => message.state ? show(last = message.state) : lost(message.lost)
  const tell = message => {
    told(message)
    channel.postMessage(message)
  }
  channel.onmessage = ({ data }) => {
    if (data !== 'hello') told(data)
    else if (leads && last) channel.postMessage({ state: last })
  }
  channel.postMessage('hello')
  const lead = () => {
    leads = true
    listen(tell)
    // The lock is held as long as the page is open.
    return new Promise(() => {})
  }
  if (navigator.locks) navigator.locks.request('linkd' + location.pathname, lead)
  else lead()
}

function listen(tell) {
  const stream = new EventSource('api/stream')
  stream.onmessage = ({ data }) => tell({ state: JSON.parse(data) })
  stream.onerror = () => tell({
    lost: stream.readyState === EventSource.CLOSED
      ? 'linkd web does not know this page any more. Run linkd web again, and open the address that it prints.'
      : 'linkd web does not answer. This page goes on when it does.',
  })
}
