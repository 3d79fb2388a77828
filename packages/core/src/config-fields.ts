import { isIP } from "node:net";
import { z } from "zod";

/** What the generated documentation says about one field; kept with the schema so that they cannot drift apart. */
export interface FieldDoc {
  variable: string;
  section: string;
  description: string;
  /** What is accepted, in words: printed in the documentation and beside every problem. */
  allowed: string;
  secret?: boolean;
  /** Overrides the printed default where it depends on the process or on another field. */
  defaultText?: string;
}

export const fieldDocs = z.registry<FieldDoc>();

type Described = Omit<FieldDoc, "allowed"> & { allowed?: string };

function describe<T extends z.ZodType>(schema: T, doc: Described, allowed: string): T {
  fieldDocs.add(schema, { ...doc, allowed: doc.allowed ?? allowed });
  return schema;
}

function wholeNumber(min: number, max: number, what: string) {
  return z
    .string()
    .regex(/^\d{1,15}$/, `must be ${what}`)
    .transform(Number)
    .pipe(z.number().min(min, `must be ${what}`).max(max, `must be ${what}`));
}

export function integer(fallback: number, min: number, max: number, doc: Described) {
  const allowed = `a whole number from ${min} to ${max}`;
  return describe(wholeNumber(min, max, allowed).default(fallback), doc, allowed);
}

/** The longest delay of a timer; a longer one would fire at once. */
const TIMER_MAX_MS = 2_147_483_647;

/** A duration in whole milliseconds. */
export function duration(fallback: number, doc: Described, min = 100, max = TIMER_MAX_MS) {
  const allowed = `whole milliseconds from ${min} to ${max}`;
  return describe(wholeNumber(min, max, allowed).default(fallback), doc, allowed);
}

export function port(fallback: number, doc: Described) {
  return integer(fallback, 1, 65_535, doc);
}

export function flag(doc: Described) {
  const schema = z
    .enum(["true", "false"], "must be true or false")
    .transform((value) => value === "true")
    .default(false);
  return describe(schema, doc, "`true` or `false`");
}

export interface RateLimit {
  count: number;
  seconds: number;
}

/** `count/seconds`: so many in each window of so many seconds. */
export function rateLimit(count: number, seconds: number, doc: Described) {
  const allowed = "`count/seconds`, both whole numbers from 1 to 1000000, for example `10/60`";
  const schema = z
    .string()
    .regex(/^[1-9]\d{0,6}\/[1-9]\d{0,6}$/, "must be count/seconds")
    .transform((text): RateLimit => {
      const [left, right] = text.split("/");
      return { count: Number(left), seconds: Number(right) };
    })
    .refine((limit) => limit.count <= 1_000_000 && limit.seconds <= 1_000_000, "is too large")
    .default({ count, seconds });
  return describe(schema, { defaultText: `${count}/${seconds}`, ...doc }, allowed);
}

function urlProblem(text: string, protocols: string[], userInfo: boolean): string | undefined {
  if (!URL.canParse(text)) return "is not a URL";
  const url = new URL(text);
  if (!protocols.includes(url.protocol)) return `must start with ${protocols.map((p) => `${p}//`).join(" or ")}`;
  if (url.hostname === "") return "has no host";
  if (!userInfo && (url.username !== "" || url.password !== "")) return "must not contain a user name or password";
  return undefined;
}

function urlSchema(protocols: string[], userInfo: boolean) {
  return z.string().superRefine((text, context) => {
    const problem = urlProblem(text, protocols, userInfo);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });
}

export function url(doc: Described, protocols: string[], options: { userInfo?: boolean } = {}) {
  const allowed = `a URL that starts with ${protocols.map((p) => `\`${p}//\``).join(" or ")}`;
  return describe(urlSchema(protocols, options.userInfo ?? false), doc, allowed);
}

export function urlList(doc: Described, protocols: string[]) {
  const one = urlSchema(protocols, true);
  const schema = commaList().pipe(z.array(one).min(1));
  const allowed = `URLs that start with ${protocols.map((p) => `\`${p}//\``).join(" or ")}, separated by commas`;
  return describe(schema, doc, allowed);
}

function commaList() {
  return z.string().transform((text) =>
    text
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== ""),
  );
}

function originProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return `"${text}" is not an origin`;
  const parsed = new URL(text);
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") return `"${text}" is not an http or https origin`;
  if (parsed.hostname.includes("*")) return `"${text}" is not one exact origin`;
  return parsed.origin === text ? undefined : `"${text}" must be written as ${parsed.origin}`;
}

export function originList(doc: Described) {
  const origin = z.string().superRefine((text, context) => {
    const problem = originProblem(text);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });
  const allowed = "exact origins such as `https://shop.example`, separated by commas; never `*`";
  return describe(commaList().pipe(z.array(origin)).default([]), { defaultText: "none", ...doc }, allowed);
}

function isCidr(text: string): boolean {
  const [address = "", prefix, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  if (prefix === undefined) return true;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}

export function cidrList(doc: Described) {
  const cidr = z.string().refine(isCidr, { error: (issue) => `"${String(issue.input)}" is not an address or CIDR` });
  const allowed = "IP addresses or CIDRs such as `10.0.0.0/8`, separated by commas";
  return describe(commaList().pipe(z.array(cidr)).default([]), { defaultText: "none", ...doc }, allowed);
}

/** A key of any length, which somebody else chose. The value itself never appears in a problem. */
export function key(doc: Described) {
  return describe(z.string().min(1), { secret: true, ...doc }, "text");
}

/** A secret that goes into an `Authorization` header. */
export function bearerToken(doc: Described) {
  const allowed = "at least 16 characters of printable ASCII without spaces";
  return describe(z.string().regex(/^[\x21-\x7e]{16,}$/, `must be ${allowed}`), { secret: true, ...doc }, allowed);
}

/** A secret of at least 16 characters. The value itself never appears in a problem. */
export function secret(doc: Described) {
  const allowed = "at least 16 characters";
  return describe(z.string().min(16, `must have ${allowed}`), { secret: true, ...doc }, allowed);
}

export function text(fallback: string, doc: Described, schema: z.ZodString = z.string().min(1)) {
  return describe(schema.default(fallback), doc, "text");
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T, fallback: T[number], doc: Described) {
  const allowed = values.map((value) => `\`${value}\``).join(", ");
  const schema = z.enum(values, `must be one of ${values.join(", ")}`).default(fallback as never);
  return describe(schema, doc, allowed);
}

/** Makes a described field optional and keeps its description. */
export function optional<T extends z.ZodType>(schema: T) {
  const doc = fieldDocs.get(schema);
  const wrapped = schema.optional();
  if (doc !== undefined) fieldDocs.add(wrapped, { defaultText: "none", ...doc });
  return wrapped;
}
