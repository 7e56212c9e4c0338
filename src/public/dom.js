// Creates and finds elements. Strings become text nodes: nothing here parses HTML.

/**
 * Creates an element.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name @param {Record<string, string>} [attributes] @param {...(Node | string)} children
 */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(...children)
  return element
}

/**
 * Returns the element of index.html with this id. Throws if there is none of this type.
 * @template {HTMLElement} Type
 * @param {string} id @param {new () => Type} type @returns {Type}
 */
export function find(id, type) {
  const element = document.getElementById(id)
  if (!(element instanceof type)) throw new Error(`Missing ${type.name} #${id} in index.html`)
  return element
}

/** Replaces a list's entries. A focused button passes the focus on to its successor. @param {HTMLElement} list @param {HTMLElement[]} entries */
export function replaceEntries(list, entries) {
  const focusedId = list.contains(document.activeElement) ? document.activeElement?.id : undefined
  list.replaceChildren(...entries)
  if (focusedId) document.getElementById(focusedId)?.focus()
}

/**
 * Runs `work` on each click, except while it is still running.
 * @param {HTMLButtonElement} button @param {() => Promise<void>} work
 */
export function onClick(button, work) {
  button.addEventListener('click', () => runWhileBusy(button, work))
}

/**
 * Marks the button as busy while `work` runs. `aria-disabled` keeps the focus; `disabled` would lose it.
 * @param {HTMLButtonElement} button @param {() => Promise<void>} work
 */
export async function runWhileBusy(button, work) {
  if (button.getAttribute('aria-disabled') === 'true') return
  button.setAttribute('aria-disabled', 'true')
  await work().finally(() => button.removeAttribute('aria-disabled'))
}
