// A button that copies text to the clipboard, and says so.

import { el, onClick } from './dom.js'

const SHOWN_MS = 2000

/** @param {string} label @param {() => string} read */
export function createCopyButton(label, read) {
  const button = el('button', { type: 'button', class: 'quiet' }, label)
  onClick(button, async () => {
    const copied = navigator.clipboard.writeText(read())
    button.textContent = await copied.then(
      () => 'Copied',
      () => 'Not copied: the browser denied it', // no permission, or the page has lost the focus
    )
    setTimeout(() => (button.textContent = label), SHOWN_MS)
  })
  return button
}
