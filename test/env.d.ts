// Types of what vitest.config.ts adds to the Worker's environment.

declare namespace Cloudflare {
  interface Env {
    /** Repeats a run of the model-based test. */
    MODEL_SEED: string
    MIGRATIONS: import('@cloudflare/vitest-pool-workers').D1Migration[]
  }
}

/** Vite's `import.meta.glob`, here only with the source of each matching file as a string. */
interface ImportMeta {
  glob(
    pattern: string,
    options: { query: '?raw'; import: 'default'; eager: true },
  ): Record<string, string>
}
