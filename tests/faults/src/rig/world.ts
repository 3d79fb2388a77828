import { openDatabase, type Database } from "@chat-relay/database/database";
import { startFakeN8n, type FakeN8n } from "@chat-relay/testkit/fake-n8n";
import { leaveNothing } from "@chat-relay/testkit/leave-nothing";
import { runApp, type ServiceName } from "@chat-relay/testkit/service-process";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { existsSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { BUGS, type Bug } from "./bug-edits.ts";
import { ADMIN_TOKEN, PRODUCT_ENV } from "./product-env.ts";
import { CONTROLS, killPointEdits, type ControlName, type Edit, type KillPoint } from "./edits.ts";
import { killFile } from "./kill-file.ts";
import { readBus, type BusAtRest } from "./nats-monitor.ts";
import type { RestartableServer } from "./restartable-server.ts";
import { startNatsNodes, startPostgresServer, type NatsNode } from "./store-servers.ts";
import { SupervisedService } from "./supervised-service.ts";

export interface WorldOptions {
  /** How many of each; 2, 3 and 2 by default. */
  gateways?: number;
  dispatchers?: number;
  receivers?: number;
  natsNodes?: 1 | 3;
  /** Configuration by variable name, over `PRODUCT_ENV`. */
  env?: Record<string, string>;
  /** Guards that the services run without. */
  without?: readonly ControlName[];
  /** Places where a service can be told to die. */
  killPoints?: readonly KillPoint[];
  /** Faults of their own that the services run with. */
  bugs?: readonly Bug[];
  /** Drops the indexes that keep replies and sends from being stored twice. */
  withoutUniqueKeys?: boolean;
}

/** The whole product as processes, on real servers of its own, each link through a fault proxy. */
export interface World extends AsyncDisposable {
  env: Record<string, string>;
  /** Environment with which further processes are started without the same guards. */
  editEnv: Record<string, string>;
  gateways: SupervisedService[];
  dispatchers: SupervisedService[];
  receivers: SupervisedService[];
  /** All of them. */
  services: SupervisedService[];
  postgres: RestartableServer;
  nats: NatsNode[];
  n8n: FakeN8n;
  /** A way to PostgreSQL that no fault is on. */
  database: Database;
  /** Stream and consumer; undefined while there are none. */
  bus(): Promise<BusAtRest | undefined>;
  admin<T>(path: string): Promise<T>;
  /** The next service that comes by dies there; `times` for as many. */
  armKill(point: KillPoint, times?: number): Promise<void>;
  /** Ends of services and servers that nobody had asked for. */
  kills(): number;
  /** Waits until all services are up and ready. */
  ready(): Promise<void>;
  /** Takes all faults back. */
  heal(): Promise<void>;
  /** Everything that was logged, by name of the process. */
  logs(): Map<string, string>;
}

const DROP_UNIQUE_KEYS = {
  name: "faults-drop-unique-keys",
  text: "DROP INDEX chat_message_reply_key_unique, chat_message_idempotency_key_unique",
};

const LOAD_EDITS = pathToFileURL(join(import.meta.dirname, "load-edits.ts")).href;
const COLLECT_GARBAGE = pathToFileURL(join(import.meta.dirname, "collect-garbage.ts")).href;
const TELL_POLLUTION = pathToFileURL(join(import.meta.dirname, "tell-pollution.ts")).href;

function editsOf({ without = [], killPoints = [], bugs = [] }: WorldOptions): Edit[] {
  return [
    ...without.flatMap((name) => CONTROLS[name]),
    ...killPoints.flatMap(killPointEdits),
    ...bugs.flatMap((name) => BUGS[name]),
  ];
}

async function migrate(env: Record<string, string>): Promise<void> {
  const { code, output } = await runApp("migrate", env);
  if (code !== 0) throw new Error(`migrate failed: ${output}`);
}

/** Starts everything and waits until it is ready. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "chat-relay-faults-"));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const [postgres, nats, n8n] = await Promise.all([
    startPostgresServer(folder),
    startNatsNodes(folder, options.natsNodes ?? 1),
    startFakeN8n(),
  ]);
  cleanup.use(postgres);
  for (const { server } of nats) cleanup.use(server);
  cleanup.use(n8n);

  const services: SupervisedService[] = [];
  const servers = [postgres, ...nats.map(({ server }) => server)];
  const killAll = () => {
    for (const one of [...services, ...servers]) one.signal("SIGKILL");
  };
  cleanup.defer(leaveNothing(killAll));

  const natsUrls = nats.map(({ server }) => server.url);
  const stores = { DATABASE_URL: postgres.url, NATS_URL: natsUrls.join(","), CHAT_N8N_WEBHOOK_URL: n8n.url };
  const replicas = nats.length > 1 ? { CHAT_STREAM_REPLICAS: "3" } : {};
  const env = { ...PRODUCT_ENV, ...replicas, ...options.env };
  await migrate({ ...env, ...stores });

  const edits = editsOf(options);
  const nodeArgs = [
    "--expose-gc",
    "--import",
    COLLECT_GARBAGE,
    "--import",
    TELL_POLLUTION,
    ...(edits.length === 0 ? [] : ["--import", LOAD_EDITS]),
  ];
  const editEnv = edits.length === 0 ? {} : { FAULT_EDITS: JSON.stringify(edits), FAULT_DIR: folder };
  const several = async (kind: ServiceName, count: number, extra: Record<string, string>) => {
    const shared = { kind, databaseUrl: postgres.url, natsUrls, n8nUrl: n8n.url, nodeArgs };
    const made: SupervisedService[] = [];
    for (let number = 1; number <= count; number += 1) {
      const service = await SupervisedService.create({ ...shared, number, env: { ...env, ...editEnv, ...extra } });
      made.push(cleanup.use(service));
      services.push(service);
    }
    return made;
  };
  const receivers = await several("receiver", options.receivers ?? 2, {});
  const callbackUrl = { CHAT_CALLBACK_URL: `${receivers[0]?.url ?? ""}/api/chat/webhook` };
  const gateways = await several("gateway", options.gateways ?? 2, callbackUrl);
  const dispatchers = await several("dispatcher", options.dispatchers ?? 3, callbackUrl);
  await Promise.all(services.map((service) => service.start()));
  const database = await openDatabase({
    url: postgres.url,
    poolSize: 4,
    timeoutMs: 10_000,
    applicationName: "chat-faults",
  });
  cleanup.use(database);
  if (options.withoutUniqueKeys === true) await database.query(DROP_UNIQUE_KEYS, []);

  const stack = cleanup.move();
  const ready = async () => {
    await Promise.all(services.map((service) => service.ready()));
  };
  return {
    env,
    editEnv: edits.length === 0 ? {} : { ...editEnv, NODE_OPTIONS: `--import ${LOAD_EDITS}` },
    gateways,
    dispatchers,
    receivers,
    services,
    postgres,
    nats,
    n8n,
    database,
    async bus() {
      const seen = await Promise.all(nats.map(readBus));
      const leader = seen.findIndex((bus, index) => bus?.consumerLeader === nats[index]?.serverName);
      return nats.length === 1 ? seen[0] : seen[leader];
    },
    async admin<T>(path: string) {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
      const response = await fetch(`${gateways[0]?.url ?? ""}/api/chat/admin${path}`, { headers });
      if (!response.ok) throw new Error(`admin ${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as T;
    },
    async armKill(point, times = 1) {
      const file = join(folder, killFile(point));
      for (let count = 0; count < times; count += 1) {
        writeFileSync(file, "", { flag: "wx" }); // at once: whoever has called this may go on to provoke the death
        await waitFor(`a death at "${point}"`, () => !existsSync(file), 60_000);
      }
    },
    kills: () =>
      [...services, postgres, ...nats.map(({ server }) => server)].reduce((sum, { kills }) => sum + kills, 0),
    ready,
    async heal() {
      for (const service of services) {
        service.resume();
        for (const proxy of service.proxies) await proxy.pass();
      }
      await ready();
    },
    logs: () =>
      new Map([...services, postgres, ...nats.map(({ server }) => server)].map((one) => [one.name, one.output()])),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
