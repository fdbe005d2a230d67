import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { assert, describe, it } from "vitest"
import { socketProblem } from "../../src/commands/Socket.ts"

const inFolder = async (self: (folder: string) => Promise<void> | void): Promise<void> => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "watchdog-socket-"))
  try {
    await self(folder)
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

const listening = async (file: string, self: () => void): Promise<void> => {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(file, resolve))
  try {
    self()
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}

describe("the engine's socket", () => {
  it("that can be used is no problem, and a tcp engine is not looked for", () =>
    inFolder(async (folder) => {
      const file = path.join(folder, "docker.sock")
      await listening(file, () => assert.isUndefined(socketProblem(`unix://${file}`)))
      assert.isUndefined(socketProblem("tcp://engine:2375"))
    }))

  it("that is missing is named", () =>
    inFolder((folder) => {
      assert.match(socketProblem(`unix://${folder}/none.sock`) ?? "", /^there is no socket at .*none\.sock/)
    }))

  it("that is a directory says how that comes about", () =>
    inFolder((folder) => {
      assert.match(socketProblem(`unix://${folder}`) ?? "", /is a directory: a bind mount made it/)
    }))

  it("that is a file is no socket", () =>
    inFolder((folder) => {
      fs.writeFileSync(path.join(folder, "docker.sock"), "")
      assert.match(socketProblem(`unix://${folder}/docker.sock`) ?? "", /is not a socket$/)
    }))

  it.skipIf(process.getuid?.() === 0)("that we may not use names the group that may", () =>
    inFolder(async (folder) => {
      const file = path.join(folder, "docker.sock")
      await listening(file, () => {
        fs.chmodSync(file, 0)
        assert.match(
          socketProblem(`unix://${file}`) ?? "",
          /belongs to group \d+.*may not use it \(EACCES\).*DOCKER_GID=\d+/
        )
      })
    })
  )
})
