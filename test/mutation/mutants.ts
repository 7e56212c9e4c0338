// Lists the mutants of a TypeScript file: small changes, each of which a test should notice.

import { parseAst } from 'vitest/node'

export type Mutant = { start: number; end: number; line: number; before: string; after: string }

type Node = { type: string; start: number; end: number } & Record<string, unknown>

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && 'start' in value

const OPERATORS: Record<string, string[]> = {
  '===': ['!=='],
  '!==': ['==='],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '&&': ['||'],
  '||': ['&&'],
  '??': ['&&'],
}

/** What is only text for people, or has no effect when it runs. */
const isIgnored = ({ type, ...node }: Node): boolean => {
  if (type === 'ImportDeclaration' || type === 'ImportExpression') return true
  if (type.startsWith('TS')) return !['TSAsExpression', 'TSSatisfiesExpression'].includes(type)
  const { name } = (node['key'] ?? {}) as { name?: string }
  return type === 'Property' && name === 'reason' // of a log line
}

/** Returns each mutant of the code. */
export function listMutants(code: string): Mutant[] {
  const mutants: Mutant[] = []
  const add = ({ start, end }: { start: number; end: number }, after: string) => {
    const before = code.slice(start, end)
    const line = code.slice(0, start).split('\n').length
    if (before !== after) mutants.push({ start, end, line, before, after })
  }
  const visit = (node: Node): void => {
    if (isIgnored(node)) return
    for (const [place, after] of replace(node, code)) add(place, after)
    for (const [name, value] of Object.entries(node)) {
      if (name === 'typeAnnotation' || (node.type === 'Property' && name === 'key')) continue
      for (const child of [value].flat()) if (isNode(child)) visit(child)
    }
  }
  visit(parseAst(code, { lang: 'ts' }) as unknown as Node)
  return mutants
}

type Replacement = [place: { start: number; end: number }, after: string]

/** Returns what may take the place of a node, or of a part of it. */
function replace(node: Node, code: string): Replacement[] {
  const { argument, body, test, left, right, operator, value } = node
  const text = (part: unknown) => (isNode(part) ? code.slice(part.start, part.end) : '')
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression': {
      if (!isNode(left) || !isNode(right)) return []
      const [before, after] = [text(left), text(right)]
      return (OPERATORS[String(operator)] ?? []).map((other) => [
        node,
        `((${before}) ${other} (${after}))`,
      ])
    }
    case 'IfStatement':
    case 'ConditionalExpression':
      return isNode(test)
        ? [
            [test, 'true'],
            [test, 'false'],
          ]
        : []
    case 'Literal':
      if (typeof value === 'boolean') return [[node, String(!value)]]
      if (typeof value === 'number') return [[node, String(value + 1)]]
      return typeof value === 'string' ? [[node, value ? "''" : "'mutant'"]] : []
    case 'TemplateLiteral':
      return [[node, '``']]
    case 'UnaryExpression':
      return operator === '!' ? [[node, text(argument)]] : []
    case 'ReturnStatement':
      return isNode(argument) ? [[argument, 'undefined']] : []
    case 'ArrowFunctionExpression':
      return isNode(body) && body.type !== 'BlockStatement' ? [[body, '(undefined)']] : []
    case 'ExpressionStatement':
    case 'ThrowStatement':
      return [[node, ';']]
    case 'ArrayExpression':
      return [[node, '[]']]
    default:
      return []
  }
}
