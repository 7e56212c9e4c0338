// Leaves plain HTTP before a form can be used: it would send the password in the clear (RFC 6797 3.1).

const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]']

/** Whether the page is served by `npm run dev` on this machine. */
export const isLocal = LOCAL_HOSTS.includes(location.hostname)

if (location.protocol === 'http:' && !isLocal) {
  location.replace(location.href.replace('http:', 'https:'))
  await new Promise(() => {}) // what imports this module, and enables the forms, never runs
}
