// The part of n8n's API that the nodes use. n8n-workflow itself is a peer that brings 140 MB and a native build, so it is no
// dependency of this repository; `npm run check:n8n` compiles the nodes against the real one.
declare module "n8n-workflow" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  type Json = string | number | boolean | object | null | undefined;
  export type JsonObject = { [key: string]: Json };
  export type IDataObject = { [key: string]: Json };

  export type Icon = `file:${string}` | { light: `file:${string}`; dark: `file:${string}` };

  export interface INodePropertyOption {
    name: string;
    value: string;
    description?: string;
    action?: string;
  }

  export interface INodeProperties {
    displayName: string;
    name: string;
    type: "string" | "number" | "options" | "collection" | "json" | "notice";
    default: Json;
    description?: string;
    hint?: string;
    placeholder?: string;
    required?: boolean;
    noDataExpression?: boolean;
    typeOptions?: { password?: boolean; rows?: number; minValue?: number };
    displayOptions?: { show?: Record<string, (string | boolean)[]> };
    options?: (INodePropertyOption | INodeProperties)[];
  }

  export interface IHttpRequestOptions {
    url: string;
    method?: "GET" | "POST";
    headers?: IDataObject;
    body?: unknown;
    json?: boolean;
    disableFollowRedirect?: boolean;
    timeout?: number;
  }

  export type ICredentialDataDecryptedObject = Record<string, unknown>;

  export interface ICredentialsDecrypted {
    data?: ICredentialDataDecryptedObject;
  }

  export interface INodeCredentialTestResult {
    status: "OK" | "Error";
    message: string;
  }

  export interface ICredentialTestFunctions {
    helpers: { request: (options: object) => Promise<unknown> };
  }

  type CredentialTest = (
    this: ICredentialTestFunctions,
    credential: ICredentialsDecrypted,
  ) => Promise<INodeCredentialTestResult>;

  export interface ICredentialType {
    name: string;
    displayName: string;
    icon?: Icon;
    documentationUrl?: string;
    properties: INodeProperties[];
    authenticate?: (
      credentials: ICredentialDataDecryptedObject,
      requestOptions: IHttpRequestOptions,
    ) => Promise<IHttpRequestOptions>;
  }

  export interface INodeExecutionData {
    json: IDataObject;
    pairedItem?: { item: number };
  }

  export interface INode {
    id: string;
    name: string;
    parameters: IDataObject;
  }

  interface FunctionsBase {
    logger: { warn(message: string, metadata?: object): void };
    getCredentials<T extends object>(type: string, itemIndex?: number): Promise<T>;
    getExecutionId(): string;
    getNode(): INode;
    getWorkflow(): { id?: string };
    getMode(): string;
    getParentNodes(nodeName: string): { name: string; type: string; disabled: boolean }[];
  }

  export interface IExecuteFunctions extends FunctionsBase {
    getInputData(): INodeExecutionData[];
    getNodeParameter(name: string, itemIndex: number, fallback?: unknown): unknown;
    getWorkflowDataProxy(itemIndex: number): Record<string, unknown>;
    continueOnFail(): boolean;
    helpers: {
      httpRequestWithAuthentication(
        this: IExecuteFunctions,
        credentialsType: string,
        requestOptions: IHttpRequestOptions,
      ): Promise<unknown>;
    };
  }

  export interface IWebhookFunctions extends FunctionsBase {
    getNodeParameter(name: string): unknown;
    getRequestObject(): IncomingMessage & { rawBody?: Buffer };
    getResponseObject(): ServerResponse;
  }

  export type IHookFunctions = FunctionsBase;

  export interface IWebhookResponseData {
    workflowData?: INodeExecutionData[][];
    webhookResponse?: unknown;
    noWebhookResponse?: boolean;
  }

  export interface INodeTypeDescription {
    displayName: string;
    name: string;
    icon: Icon;
    group: string[];
    version: number;
    description: string;
    subtitle?: string;
    defaults: { name: string };
    inputs: "main"[];
    outputs: "main"[];
    usableAsTool?: true;
    eventTriggerDescription?: string;
    activationMessage?: string;
    credentials?: { name: string; required?: boolean; testedBy?: string }[];
    webhooks?: {
      name: "default";
      httpMethod: string;
      path: string;
      responseMode?: string;
      responseData?: string;
    }[];
    properties: INodeProperties[];
  }

  type Hook = (this: IHookFunctions) => Promise<boolean>;

  export interface INodeType {
    description: INodeTypeDescription;
    execute?(this: IExecuteFunctions): Promise<INodeExecutionData[][]>;
    webhook?(this: IWebhookFunctions): Promise<IWebhookResponseData>;
    methods?: { credentialTest: Record<string, CredentialTest> };
    webhookMethods?: { default: { checkExists: Hook; create: Hook; delete: Hook } };
  }

  export const NodeConnectionTypes: { readonly Main: "main" };

  export class NodeOperationError extends Error {
    constructor(node: INode, error: Error | string, options?: { itemIndex?: number; description?: string });
  }

  export class NodeApiError extends Error {
    constructor(node: INode, error: JsonObject, options?: { itemIndex?: number });
  }
}
