// A progress bar on standard error, at a terminal only.

const WIDTH = 30
const MIN_TOTAL = 2000 // less is done before a bar could be read

/** Returns the bar: `Writing [######------] 25 % of 4,000`. */
export function renderBar(title: string, done: number, total: number): string {
  const share = Math.min(1, done / total)
  const filled = Math.round(share * WIDTH)
  const bar = '#'.repeat(filled) + '-'.repeat(WIDTH - filled)
  return `${title} [${bar}] ${Math.floor(share * 100)} % of ${total.toLocaleString('en')}`
}

/** Returns a function that shows how many of `total` are done, and erases the bar at the end. */
export function createProgress(title: string, total: number): (done: number) => void {
  if (!process.stderr.isTTY || total < MIN_TOTAL) return () => {}
  const show = (done: number) =>
    process.stderr.write(done < total ? `\r${renderBar(title, done, total)}` : '\r\u001B[K')
  show(0)
  return show
}
