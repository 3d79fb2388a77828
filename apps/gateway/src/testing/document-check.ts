import addFormats from "ajv-formats";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { FastifyInstance } from "fastify";

interface Documented {
  paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, { schema: object }> }> }>
  >;
  components: object;
}

export interface Observed {
  method: string;
  url: string;
  status: number;
  contentType: string | undefined;
  body: unknown;
}

function pattern(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`);
}

/** Holds every answer against the app's own OpenAPI document: its status, its content type, its body. */
export class DocumentCheck {
  #document: Documented;
  #ajv = new Ajv2020({ strict: false, allErrors: true });
  #compiled = new Map<object, ValidateFunction>();

  constructor(app: FastifyInstance) {
    this.#document = app.swagger() as unknown as Documented;
    addFormats.default(this.#ajv);
  }

  /** Throws when a documented route answers in an undocumented way. */
  verify({ method, url, status, contentType, body }: Observed): void {
    const path = url.split("?")[0] ?? "";
    const known = Object.keys(this.#document.paths).filter((candidate) => pattern(candidate).test(path));
    const template = known.find((candidate) => candidate === path) ?? known[0] ?? "";
    const operation = this.#document.paths[template]?.[method.toLowerCase()];
    if (operation === undefined) return;
    const response = operation.responses[status];
    if (response === undefined) throw new Error(`${method} ${path} answered ${status}, which is not documented`);
    if (response.content === undefined) return;
    const media = response.content[contentType?.split(";")[0] ?? ""];
    if (media === undefined)
      throw new Error(`${method} ${path} answered ${contentType}, not ${Object.keys(response.content).join(" or ")}`);
    if (body === undefined) return; // is no JSON
    const validate = this.#validator(media.schema);
    if (!validate(body)) throw new Error(`${method} ${path} ${status}: ${this.#ajv.errorsText(validate.errors)}`);
  }

  #validator(schema: object): ValidateFunction {
    const known = this.#compiled.get(schema) ?? this.#ajv.compile({ ...schema, components: this.#document.components });
    this.#compiled.set(schema, known);
    return known;
  }
}
