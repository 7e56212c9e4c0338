// Making and finding elements. Text is only ever text: nothing here parses HTML.

/**
 * A new element.
 * @param {string} name @param {Record<string, string>} [attributes] @param {...(Node | string)} children
 */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(...children)
  return element
}

/**
 * The element of index.html with this id, which is of this type.
 * @template {HTMLElement} Type
 * @param {string} id @param {new () => Type} type @returns {Type}
 */
export function find(id, type) {
  const element = document.getElementById(id)
  if (!(element instanceof type)) throw new Error(`no ${type.name} #${id} in index.html`)
  return element
}

/**
 * Runs `work` at a click, and not again while it runs. The button keeps the focus: `disabled` would
 * throw it away.
 * @param {HTMLButtonElement} button @param {() => Promise<void>} work
 */
export function onClick(button, work) {
  button.addEventListener('click', () => whileBusy(button, work))
}

/** @param {HTMLButtonElement} button @param {() => Promise<void>} work */
export async function whileBusy(button, work) {
  if (button.getAttribute('aria-disabled') === 'true') return
  button.setAttribute('aria-disabled', 'true')
  await work().finally(() => button.removeAttribute('aria-disabled'))
}
