import type { ServiceName } from "@chat-relay/testkit/service-process";
import { waitFor } from "@chat-relay/testkit/wait-for";
import { mustBeCalled } from "../rig/called-times.ts";
import { untilStatus } from "../rig/deliveries.ts";
import { isHeldStill } from "../rig/delivery-watch.ts";
import type { KillPoint } from "../rig/edits.ts";
import type { FaultCase, Trial } from "../rig/fault-case.ts";
import { TEXT_CANARY } from "../rig/product-env.ts";
import { mustPublishOnce } from "../rig/published-once.ts";
import { sendInOrder } from "../rig/send-in-order.ts";
import type { SupervisedService } from "../rig/supervised-service.ts";
import { together } from "../rig/together.ts";
import { countUnmarked } from "../rig/unmarked-tokens.ts";
import { mustHold } from "../rig/violation.ts";
import { withoutDispatchers } from "../rig/without-dispatchers.ts";
import type { World } from "../rig/world.ts";

interface Server {
  kill(world: World): Promise<void>;
  start(world: World): Promise<void>;
}

const POSTGRES: Server = {
  kill: ({ postgres }) => postgres.kill("SIGQUIT"),
  start: ({ postgres }) => postgres.start(),
};

const NATS: Server = {
  kill: ({ nats }) => together(...nats.map(({ server }) => server.kill())),
  start: ({ nats }) => together(...nats.map(({ server }) => server.start())),
};

/** A server that dies while a service stands at a certain point. */
interface Death {
  server: Server;
  point: KillPoint;
  kind: ServiceName;
  /** How many messages, one behind the other, lead there. */
  messages: number;
  /** What the service must come to before the server is back: else it might not have noticed. */
  comesTo: (trial: Trial, service: SupervisedService) => Promise<unknown>;
}

async function killWhileOneStands(trial: Trial, { server, point, kind, messages, comesTo }: Death): Promise<void> {
  const { world } = trial;
  const armed = world.armKill(point);
  const death = async () => {
    await armed;
    const stands = (service: SupervisedService) => service.kind === kind && isHeldStill(service);
    const service = await waitFor(`a ${kind} to hold still`, () => world.services.find(stands));
    await server.kill(world);
    service.resume();
    await comesTo(trial, service);
    await server.start(world);
  };
  await together(death(), sendInOrder(trial, messages));
}

/** Waits until the service logs the event, from now on. */
function logs(event: string): Death["comesTo"] {
  return (_trial, service) => {
    const from = service.output().length;
    return waitFor(`${service.name} to log ${event}`, () => service.output().includes(event, from));
  };
}

const answersTheSend: Death["comesTo"] = ({ load }) => waitFor("the send to be answered", () => load.sent.length > 0);

const marks: Death["comesTo"] = (trial) =>
  waitFor("the token's mark", async () => trial.load.sent.length > 0 && (await countUnmarked(trial)) === 0);

const settles: Death["comesTo"] = async ({ world, load }) => {
  const first = await waitFor("the first message", () => load.sent[0]);
  await untilStatus(world, first.message.id, "answered");
};

/** A dispatcher has n8n's answer in hand, and another message waits behind. */
const IN_HAND = {
  point: "dispatcher: n8n has answered, held still before it settles",
  kind: "dispatcher",
  messages: 2,
} as const;

/** A gateway's publish is confirmed, and nobody has had the token. */
const PUBLISHED = { point: "any: published, held still before it is marked", kind: "gateway", messages: 1 } as const;

/** A gateway has committed a message, and neither announced nor answered it. */
const COMMITTED = {
  point: "gateway: message committed, held still before it is published",
  kind: "gateway",
  messages: 1,
} as const;

/** What is committed is told as taken, without a repeat. */
function mustBeTakenAtOnce({ load }: Trial): void {
  const problems = load.sent
    .filter(({ refusals, isRepeat }) => refusals > 0 || isRepeat)
    .map(({ message, refusals, isRepeat }) => `${message.id}: ${refusals} refusals, told as a repeat: ${isRepeat}`);
  mustHold("a send that was committed is answered as taken", problems);
}

async function killOverAnAnswer(trial: Trial, death: Death): Promise<void> {
  trial.world.n8n.answerWith(() => ({ body: { output: `in the response ${TEXT_CANARY}` } }));
  await mustPublishOnce(trial, () => killWhileOneStands(trial, death));
  mustBeCalled(trial, 1);
}

async function killOverAToken(trial: Trial, death: Death): Promise<void> {
  await mustPublishOnce(trial, () => withoutDispatchers(trial, () => killWhileOneStands(trial, death)));
  mustBeCalled(trial, 1);
}

async function killOverASend(trial: Trial, death: Death): Promise<void> {
  await mustPublishOnce(trial, () => killWhileOneStands(trial, death));
  mustBeTakenAtOnce(trial);
  mustBeCalled(trial, 1);
}

/** A server dies just where a service has done one thing and not yet the next; needs a world with `HOLD_POINTS`. */
export const KILLED_SERVER_CASES: FaultCase[] = [
  {
    name: "PostgreSQL killed while a dispatcher holds n8n's answer: it is settled when PostgreSQL is back, and nothing is called again",
    run: (trial) => killOverAnAnswer(trial, { ...IN_HAND, server: POSTGRES, comesTo: logs("delivery.settle_delayed") }),
  },
  {
    name: "nats-server killed while a dispatcher holds n8n's answer: it is settled meanwhile, and nothing is called again",
    run: (trial) => killOverAnAnswer(trial, { ...IN_HAND, server: NATS, comesTo: settles }),
  },
  {
    name: "PostgreSQL killed between a publish and its mark: the token is on the bus once, and its message is called once",
    run: (trial) => killOverAToken(trial, { ...PUBLISHED, server: POSTGRES, comesTo: logs("outbox.left_to_sweep") }),
  },
  {
    name: "nats-server killed between a publish and its mark: the token outlives it, and its message is called once",
    run: (trial) => killOverAToken(trial, { ...PUBLISHED, server: NATS, comesTo: marks }),
  },
  {
    name: "PostgreSQL killed between a send's commit and its publish: the send is answered, and its message is called once",
    run: (trial) => killOverASend(trial, { ...COMMITTED, server: POSTGRES, comesTo: answersTheSend }),
  },
  {
    name: "nats-server killed between a send's commit and its publish: the send is answered, and its message is called once",
    run: (trial) => killOverASend(trial, { ...COMMITTED, server: NATS, comesTo: answersTheSend }),
  },
];
