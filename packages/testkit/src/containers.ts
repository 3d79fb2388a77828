import { readFile } from "node:fs/promises";
import { GenericContainer, getContainerRuntimeClient, Wait } from "testcontainers";
import type { Servers } from "./global-setup.ts";

const START_TIMEOUT_MS = 180_000;
const PASSWORD = "chat";

async function engineAnswers(): Promise<boolean> {
  try {
    await getContainerRuntimeClient();
    return true;
  } catch {
    return false;
  }
}

/** The image tags that docker-compose.yml names: the tests run on what users run. */
async function imageTags(): Promise<{ postgres: string; nats: string }> {
  const compose = await readFile(new URL("../../../docker-compose.yml", import.meta.url), "utf8");
  const tag = (name: string) => {
    const match = new RegExp(`image:\\s*["']?\\$?\\{?[A-Z_]*:?-?(${name}:[\\w.-]+)`).exec(compose);
    if (match?.[1] === undefined) throw new Error(`docker-compose.yml names no image ${name}:…`);
    return match[1];
  };
  return { postgres: tag("postgres"), nats: tag("nats") };
}

function startPostgresContainer(image: string) {
  return new GenericContainer(image)
    .withEnvironment({ POSTGRES_USER: "chat", POSTGRES_PASSWORD: PASSWORD, POSTGRES_DB: "chat" })
    .withCommand(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "max_connections=300"])
    .withExposedPorts(5432)
    .withStartupTimeout(START_TIMEOUT_MS)
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start();
}

function startNatsContainer(image: string, accounts: string) {
  const content = `port: 4222\njetstream: { store_dir: "/tmp/nats" }\n${accounts}`;
  return new GenericContainer(image)
    .withCopyContentToContainer([{ content, target: "/tmp/nats-server.conf" }])
    .withCommand(["-c", "/tmp/nats-server.conf"])
    .withExposedPorts(4222)
    .withStartupTimeout(START_TIMEOUT_MS)
    .withWaitStrategy(Wait.forLogMessage(/Server is ready/))
    .start();
}

/** Starts PostgreSQL and NATS in containers; undefined where no Docker engine answers, unless they are required. */
export async function startContainers(
  natsAccounts: string,
  options: { required: boolean },
): Promise<Servers | undefined> {
  if (!(await engineAnswers())) {
    if (options.required) throw new Error("CHAT_TEST_INFRA=testcontainers, but no Docker engine answers");
    return undefined;
  }
  const tags = await imageTags();
  await using cleanup = new AsyncDisposableStack();
  const postgres = cleanup.adopt(
    await startPostgresContainer(tags.postgres),
    async (container) => void (await container.stop()),
  );
  const nats = cleanup.adopt(
    await startNatsContainer(tags.nats, natsAccounts),
    async (container) => void (await container.stop()),
  );
  const stack = cleanup.move();
  return {
    kind: "testcontainers",
    version: `${tags.postgres}, ${tags.nats}`,
    databaseUrl: `postgres://chat:${PASSWORD}@${postgres.getHost()}:${postgres.getMappedPort(5432)}/chat`,
    natsAddress: `nats://${nats.getHost()}:${nats.getMappedPort(4222)}`,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
