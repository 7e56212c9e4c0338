// A client for workerd's V8 inspector (Chrome DevTools Protocol).

type Message = { id?: number; result?: Record<string, unknown>; error?: { message: string } }

/** An inspector session with one isolate. */
export class Inspector {
  readonly #socket: WebSocket
  readonly #pending = new Map<number, (message: Message) => void>()
  #sent = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const message = JSON.parse(String(data)) as Message
      if (message.id !== undefined) this.#pending.get(message.id)?.(message)
    })
  }

  /** Opens an inspector session with the isolate of this Worker. */
  static async open(address: URL | undefined, worker: string): Promise<Inspector> {
    const listed = await fetch(`http://${address?.host}/json`)
    const targets = (await listed.json()) as { id: string; webSocketDebuggerUrl: string }[]
    const target = targets.find(({ id }) => id.endsWith(worker))
    if (!target)
      throw new Error(`No isolate named ${worker}. Found: ${targets.map(({ id }) => id)}`)
    const socket = new WebSocket(target.webSocketDebuggerUrl)
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', reject)
    })
    return new Inspector(socket)
  }

  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    this.#sent += 1
    const id = this.#sent
    return new Promise((resolve, reject) => {
      this.#pending.set(id, ({ result, error }) => {
        this.#pending.delete(id)
        if (error) reject(new Error(`${method}: ${error.message}`))
        else resolve(result ?? {})
      })
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }

  close(): void {
    this.#socket.close()
  }
}
