// A load generator: keep-alive connections over plain sockets, one request at a time on each.

import { connect, type Socket } from 'node:net'

/** What a request looks like on the wire. */
export const toWire = (
  url: URL,
  { method = 'GET', path = '/protected', token = '', body = '' },
): string =>
  [
    `${method} ${path} HTTP/1.1`,
    `Host: ${url.host}`,
    ...(token && [`Authorization: Bearer ${token}`]),
    ...(body && ['Content-Type: application/json', `Content-Length: ${body.length}`]),
    '',
    body,
  ].join('\r\n')

class Connection {
  readonly #socket: Socket
  #received = ''
  #resolve: (body: string) => void = () => {}
  #reject: (error: Error) => void = () => {}

  constructor({ hostname, port }: URL) {
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true })
    this.#socket.setEncoding('latin1')
    this.#socket.on('data', (chunk: string) => this.#read(chunk))
    this.#socket.on('error', (error) => this.#reject(error))
    this.#socket.on('close', () => this.#reject(new Error('the connection was closed')))
  }

  /** The body of the answer; fails on every status but 200, and when the connection is closed. */
  send(request: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      if (this.#socket.closed) reject(new Error('the connection is closed'))
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(chunk: string): void {
    this.#received += chunk
    const end = this.#received.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#received.slice(0, end)
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
    const body = this.#received.slice(end + 4)
    if (body.length < length) return
    this.#received = ''
    if (head.startsWith('HTTP/1.1 200 ') && body.length === length) this.#resolve(body)
    else this.#reject(new Error(`${head.split('\r\n')[0]} ${body}`))
  }
}

/** The next request of a connection, which has just been answered with `body`. */
export type NextRequest = (connection: number, body: string) => string

/** Sends requests over so many connections. */
export class Client {
  readonly #url: URL
  /** The newest answer on each connection, from one run to the next. */
  readonly #bodies: string[]

  constructor(url: URL, connections: number) {
    this.#url = url
    this.#bodies = Array.from({ length: connections }, () => '')
  }

  /**
   * Sends so many requests; how long each took, in milliseconds, in order of their length. Connections
   * are opened for each run: workerd closes those that are idle for five seconds.
   */
  async run(requests: number, next: NextRequest): Promise<number[]> {
    const times: number[] = []
    let sent = 0
    const work = async (_: string, number: number) => {
      const connection = new Connection(this.#url)
      while (sent < requests) {
        sent += 1
        const request = next(number, this.#bodies[number] ?? '')
        const begun = performance.now()
        this.#bodies[number] = await connection.send(request)
        times.push(performance.now() - begun)
      }
      connection.close()
    }
    await Promise.all(this.#bodies.map(work))
    return times.toSorted((a, b) => a - b)
  }
}
