import { readFileSync } from 'node:fs'

import { expect, it } from 'vitest'

it('no action of CI can be replaced by moving its tag, because each is pinned by commit', () => {
  const workflow = readFileSync('.github/workflows/ci.yml', 'utf8')
  const actions = [...workflow.matchAll(/uses: *(.*)/g)].map(([, action]) => action)
  expect(actions.length).toBeGreaterThan(2)
  for (const action of actions)
    expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
})

it('no package runs a script in CI that package.json does not allow, with any version of npm', () => {
  const run = readFileSync('.ci/run', 'utf8')
  const installs = run.split('\n').filter((line) => /^\s*npm (ci|i|install|add)\b/.test(line))
  expect(installs).toEqual(['npm ci --ignore-scripts'])
  const rebuilds = run.split('\n').filter((line) => /^\s*npm rebuild/.test(line))
  expect(rebuilds).toEqual([expect.stringContaining('allowScripts')])
})
