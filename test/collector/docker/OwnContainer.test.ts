import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { containerIdIn, ownContainerId } from "../../../src/collector/docker/OwnContainer.ts"

const id = "0123456789abcdef".repeat(4)
const other = "fedcba9876543210".repeat(4)

const mounts = (...lines: ReadonlyArray<string>): string => `${lines.join("\n")}\n`

describe("containerIdIn", () => {
  const cases: ReadonlyArray<readonly [string, string, string | null]> = [
    [
      "Docker's",
      mounts(
        "1021 1020 0:93 / / rw,relatime - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A",
        "1030 1021 0:5 / /proc rw - proc proc rw",
        `1046 1021 254:1 /var/lib/docker/containers/${id}/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda1 rw`,
        `1047 1021 254:1 /var/lib/docker/containers/${id}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw`
      ),
      id
    ],
    [
      "Podman's, whose files lie in a run folder",
      mounts(
        `812 810 0:25 /containers/storage/overlay-containers/${id}/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw,size=64m`
      ),
      id
    ],
    [
      "another container's folder, mounted somewhere else",
      mounts(`900 1 254:1 /var/lib/docker/containers/${other}/hostname /host/etc/hostname ro - ext4 /dev/vda1 rw`),
      null
    ],
    [
      "our own although the engine's data folder is mounted before it",
      mounts(
        `900 1 254:1 /var/lib/docker/containers/${other} /host/c ro - ext4 /dev/vda1 rw`,
        `901 1 254:1 /var/lib/docker/containers/${id}/hosts /etc/hosts rw - ext4 /dev/vda1 rw`
      ),
      id
    ],
    ["a host's", mounts("23 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw", "24 23 0:5 / /proc rw - proc proc rw"), null],
    ["a hostname file of one's own", mounts("901 1 254:1 /srv/hosts /etc/hosts rw - ext4 /dev/vda1 rw"), null],
    ["an id that is too short", mounts(`901 1 254:1 /c/${id.slice(1)}/hosts /etc/hosts rw - ext4 /dev/vda1 rw`), null],
    ["nothing", "", null],
    ["what is no table", "\u0000\n   \n/etc/hosts", null]
  ]
  for (const [what, table, expected] of cases) {
    it(`reads ${what}`, () => {
      assert.strictEqual(containerIdIn(table), expected)
    })
  }
})

describe("ownContainerId", () => {
  it.live("never fails, in a container or outside", () =>
    Effect.gen(function* () {
      const found = yield* ownContainerId

      assert.isTrue(found === null || /^[0-9a-f]{64}$/.test(found))
    })
  )
})
