import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";
import { errorOf, SglError } from "./errors.js";
import { answerOf, eventOf, type Answer, type SglEvent } from "./events.js";
import type { AnswerOnceResponse__Output } from "./generated/sgl/v1/AnswerOnceResponse.js";
import type { AnswerRequest } from "./generated/sgl/v1/AnswerRequest.js";
import type { AnswerResponse__Output } from "./generated/sgl/v1/AnswerResponse.js";
import type { Decision__Output } from "./generated/sgl/v1/Decision.js";
import type { GetInfoResponse__Output } from "./generated/sgl/v1/GetInfoResponse.js";
import type { ListPoliciesResponse__Output } from "./generated/sgl/v1/ListPoliciesResponse.js";
import type { NamedPolicy__Output } from "./generated/sgl/v1/NamedPolicy.js";
import type { ProtoGrpcType } from "./generated/router_service.js";

/** Where the router is, and who asks. */
export interface SglClientOptions {
  /** The API key or token, sent with every call. */
  readonly apiKey?: string;
  /** Most milliseconds of a call, the whole answer included; Infinity: none. Default 120000. */
  readonly timeoutMs?: number;
  /** Certificates that the router's is checked against, PEM; default: the system's. */
  readonly rootCertificates?: Buffer;
  /** A key may go without TLS to another machine, where everybody on the way can read it. Default false. */
  readonly allowKeyWithoutTls?: boolean;
  /** Most bytes of one message of the router. Default 64 MiB. */
  readonly maxReceiveBytes?: number;
}

/** Of one call. */
export interface AskOptions {
  /** Ends the call. */
  readonly signal?: AbortSignal;
  /** In place of the client's. */
  readonly timeoutMs?: number;
}

// As the types are generated: build.mjs.
const definition = loader.loadSync("sgl/v1/router_service.proto", {
  includeDirs: [fileURLToPath(new URL("../protos", import.meta.url))], keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true,
});
const { RouterService } = (grpc.loadPackageDefinition(definition) as unknown as ProtoGrpcType).sgl.v1;

/** A client of a router. */
export class SglClient {
  readonly #router: InstanceType<typeof RouterService>;
  readonly #timeoutMs: number;
  readonly #apiKey: string | undefined;

  /**
   * @param address host:port, http://host:port or https://host[:port].
   * @param options Who asks.
   * @throws TypeError They are wrong.
   */
  constructor(address = "localhost:5100", options: SglClientOptions = {}) {
    const { target, tls, loopback } = read(address);
    this.#apiKey = options.apiKey;
    if (this.#apiKey !== undefined && !/^[!-~]+$/.test(this.#apiKey)) throw new TypeError("apiKey is empty or has characters other than printable ASCII");
    if (this.#apiKey !== undefined && !tls && !loopback && !options.allowKeyWithoutTls) {
      throw new TypeError("the key would go over the network without TLS; use https://, or allowKeyWithoutTls where the network encrypts by itself");
    }
    this.#timeoutMs = options.timeoutMs ?? 120_000;
    if (!(this.#timeoutMs > 0)) throw new TypeError(`timeoutMs is ${this.#timeoutMs}; use milliseconds above 0, or Infinity`);
    this.#router = new RouterService(target, tls ? grpc.credentials.createSsl(options.rootCertificates ?? null) : grpc.credentials.createInsecure(), {
      "grpc.max_receive_message_length": options.maxReceiveBytes ?? 64 << 20, "grpc.max_send_message_length": -1,
    });
  }

  /**
   * Asks, and hands out events as they come. Whoever leaves the loop, or aborts, ends the work of all services for it.
   * @throws SglError While reading: there is no answer, or it broke off. What the signal ended throws the signal's reason.
   */
  async *ask(request: AnswerRequest, options: AskOptions = {}): AsyncGenerator<SglEvent, void, undefined> {
    options.signal?.throwIfAborted();
    const call = this.#router.Answer(request, this.#metadata(), this.#limits(options));
    const cancel = () => call.cancel();
    options.signal?.addEventListener("abort", cancel);
    let decision: Decision__Output | null = null;
    let whole = false;
    try {
      for await (const response of call as AsyncIterable<AnswerResponse__Output>) {
        decision = response.decision ?? decision;
        whole ||= response.event === "completed";
        const event = eventOf(response, decision);
        if (event !== null) yield event;
      }
    } catch (error) {
      throw failure(error, options.signal);
    } finally {
      options.signal?.removeEventListener("abort", cancel);
      call.cancel();
    }
    if (!whole) throw new SglError("INTERNAL", "the router ended its answer without a completed event");
  }

  /**
   * Asks for the answer as a whole.
   * @throws SglError There is none. What the signal ended throws the signal's reason.
   */
  async answer(request: AnswerRequest, options: AskOptions = {}): Promise<Answer> {
    const response = await this.#once<AnswerOnceResponse__Output>(options, (metadata, limits, done) => this.#router.AnswerOnce(request, metadata, limits, done));
    if (!response?.completed) throw new SglError("INTERNAL", "the router ended its answer without a completed event");
    return answerOf(response.completed, response.decision);
  }

  /** The router, both models and the default policy. */
  async info(options: AskOptions = {}): Promise<GetInfoResponse__Output> {
    return (await this.#once<GetInfoResponse__Output>(options, (metadata, limits, done) => this.#router.GetInfo({}, metadata, limits, done)))!;
  }

  /** The policies that requests may name, the default one first. */
  async policies(options: AskOptions = {}): Promise<NamedPolicy__Output[]> {
    return (await this.#once<ListPoliciesResponse__Output>(options, (metadata, limits, done) => this.#router.ListPolicies({}, metadata, limits, done)))!.policies;
  }

  /** Ends the connection. */
  close(): void {
    this.#router.close();
  }

  #once<T>(options: AskOptions, start: (metadata: grpc.Metadata, limits: grpc.CallOptions, done: grpc.requestCallback<T>) => grpc.ClientUnaryCall): Promise<T | undefined> {
    options.signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const call = start(this.#metadata(), this.#limits(options), (error, response) => {
        options.signal?.removeEventListener("abort", cancel);
        if (error) reject(failure(error, options.signal));
        else resolve(response);
      });
      const cancel = () => call.cancel();
      options.signal?.addEventListener("abort", cancel);
    });
  }

  #metadata(): grpc.Metadata {
    const metadata = new grpc.Metadata();
    if (this.#apiKey !== undefined) metadata.set("authorization", `Bearer ${this.#apiKey}`);
    return metadata;
  }

  #limits(options: AskOptions): grpc.CallOptions {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    return { deadline: timeoutMs === Infinity ? Infinity : Date.now() + timeoutMs };
  }
}

function failure(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  return error instanceof Error && "code" in error && "details" in error ? errorOf(error as grpc.ServiceError) : error;
}

function read(address: string): { target: string; tls: boolean; loopback: boolean } {
  const text = address.includes("://") ? address : `http://${address}`;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^https?:$/.test(url.protocol) || !url.hostname || url.username || url.pathname.length > 1 || url.search) {
    throw new TypeError("address is not host:port, http://host:port or https://host[:port]");
  }
  const tls = url.protocol === "https:";
  return { target: `${url.hostname}:${url.port || (tls ? 443 : 80)}`, tls, loopback: /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname) };
}
