/** As much of an OpenAPI document as is touched here. */
export interface Document {
  paths?: Record<string, PathItem | undefined>;
  components?: { schemas?: Record<string, unknown> };
}

type PathItem = Record<string, unknown>;

interface Operation {
  requestBody?: { required: boolean; content: Record<string, { schema: BodySchema }> };
  responses: Record<string, { headers?: Record<string, Header>; content?: Record<string, unknown> }>;
}

interface BodySchema {
  required?: string[];
  oneOf?: BodySchema[];
}

interface Header {
  description: string;
  schema: { type: "string" | "integer" };
}

const text = (description: string): Header => ({ description, schema: { type: "string" } });

const REQUEST_ID = { "X-Request-Id": text("The caller's own, if it is 1 to 64 of `A-Z a-z 0-9 _ -`.") };
const RATE_LIMIT = {
  "RateLimit-Policy": text('For example `"messages";q=10;w=60`. Absent where limits are turned off.'),
  RateLimit: text('For example `"messages";r=7;t=41`. Absent where limits are turned off.'),
};
const RETRY_AFTER = { "Retry-After": { description: "Seconds.", schema: { type: "integer" } } } as const;
const CHALLENGE = { "WWW-Authenticate": text("`Bearer`") };

function headersOf(status: number, limited: boolean): Record<string, Header> {
  return {
    ...REQUEST_ID,
    ...(limited && (status < 300 || status === 429) ? RATE_LIMIT : {}),
    ...(status === 429 || status === 503 ? RETRY_AFTER : {}),
    ...(status === 401 ? CHALLENGE : {}),
  };
}

function needsFields({ required = [], oneOf = [] }: BodySchema): boolean {
  return required.length > 0 || oneOf.some(needsFields);
}

// An empty body is `{}`, so a body of which nothing is required need not be there.
function relaxBody({ requestBody }: Operation): void {
  if (requestBody === undefined) return;
  requestBody.required = Object.values(requestBody.content).some(({ schema }) => needsFields(schema));
}

function describe(operation: Operation): void {
  relaxBody(operation);
  // How many streams are open is limited, not how often they are opened.
  const isStream = "text/event-stream" in (operation.responses["200"]?.content ?? {});
  const limited = "429" in operation.responses && !isStream;
  for (const [status, response] of Object.entries(operation.responses))
    response.headers = headersOf(Number(status), limited);
}

/** Adds what is the same on all routes: the headers that a status brings with it, and which bodies may be left out. */
export function completeOperations<T extends Document>(document: T): T {
  for (const path of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(path ?? {})) describe(operation as Operation);
  }
  return document;
}
