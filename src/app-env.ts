// The types that every route and middleware of the app shares.

export type AppEnv = { Bindings: Env }
