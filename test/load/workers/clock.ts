// A clock that stands still until a test sets it: workerd has none.

const read = Date.now
let setMs: number | undefined

Date.now = () => setMs ?? read()

export function setClock(ms: number): void {
  setMs = ms
}
