// npm run deploy: production's migrations, then the Worker.

import { Failure, runCommand } from './failure.ts'
import { runWrangler } from './wrangler.ts'

const HELP = `Usage: npm run deploy [-- <options of wrangler deploy>]

Applies the migrations to production's database, then deploys the Worker. Safe to run again.`

const STEPS = [
  { title: 'migrations', args: ['d1', 'migrations', 'apply', 'DB', '--remote'] },
  { title: 'deployment', args: ['deploy'] },
]

await runCommand(async () => {
  const options = process.argv.slice(2)
  if (options.includes('--help')) return console.log(HELP)
  const done: string[] = []
  for (const { title, args } of STEPS) {
    const { ok } = await runWrangler([...args, ...(title === 'deployment' ? options : [])], 'show')
    if (!ok)
      throw new Failure(
        `\nThe ${title} failed. Done before: ${done.join(', ') || 'nothing'}.` +
          "\nMend what wrangler says above and run 'npm run deploy' again: it begins where it must.",
      )
    done.push(title)
  }
  console.log("\nDeployed. Next: a user, 'npm run users -- add <name> --remote'.")
})
