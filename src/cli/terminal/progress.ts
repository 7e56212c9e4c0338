// A bar for what takes long, on standard error and only at a terminal.

const WIDTH = 30
const LONG = 2000

/** The bar as text: `Writing [######------] 25 %`. */
export function renderBar(title: string, done: number, total: number): string {
  const share = Math.min(1, done / total)
  const filled = Math.round(share * WIDTH)
  const bar = '#'.repeat(filled) + '-'.repeat(WIDTH - filled)
  return `${title} [${bar}] ${Math.floor(share * 100)} % of ${total.toLocaleString('en')}`
}

/** Shows `title` and how many of `total` are done, and takes it away at the end. Short work shows nothing. */
export function createProgress(title: string, total: number): (done: number) => void {
  if (!process.stderr.isTTY || total < LONG) return () => {}
  const show = (done: number) =>
    process.stderr.write(done < total ? `\r${renderBar(title, done, total)}` : '\r\u001B[K')
  show(0)
  return show
}
