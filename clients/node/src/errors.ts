import { status, type ServiceError } from "@grpc/grpc-js";
import { fields, text, type Field } from "./wire.js";

/** A field of a request that breaks a rule. */
export interface Violation {
  /** Its path in the contract, e.g. images[0].data. */
  readonly field: string;
  readonly description: string;
  /** Its own reason, e.g. BAD_IMAGE; null where it has none. */
  readonly reason: string | null;
}

/** The router gave no answer. */
export class SglError extends Error {
  override readonly name = "SglError";
  /** The gRPC status, e.g. INVALID_ARGUMENT. */
  readonly code: keyof typeof status;
  /** The name of an ErrorReason without its prefix, e.g. PROMPT_TOO_LONG; null where no service of ours said it. */
  readonly reason: string | null;
  /** The fields at fault; empty where it is not the request's fault. */
  readonly violations: readonly Violation[];
  /** Milliseconds after which the same call may be tried again; null where that was not said. */
  readonly retryAfterMs: number | null;

  constructor(code: keyof typeof status, message: string, details: Partial<Pick<SglError, "reason" | "violations" | "retryAfterMs">> = {}, cause?: unknown) {
    super(`${code}: ${message}`, { cause });
    this.code = code;
    this.reason = details.reason ?? null;
    this.violations = details.violations ?? [];
    this.retryAfterMs = details.retryAfterMs ?? null;
  }

  /** The first field at fault; null where there is none. */
  get field(): string | null {
    return this.violations[0]?.field ?? null;
  }
}

/** From what the gRPC library fails with. */
export function errorOf(error: ServiceError): SglError {
  const code = (status[error.code] ?? "UNKNOWN") as keyof typeof status;
  const [trailer] = error.metadata?.get("grpc-status-details-bin") ?? [];
  return new SglError(code, error.details || "no details", trailer instanceof Uint8Array ? detailsOf(trailer) : {}, error);
}

/** The google.rpc messages in a trailer. A proxy on the way may add what is none; then the code alone counts. */
export function detailsOf(trailer: Uint8Array): { reason: string | null; violations: Violation[]; retryAfterMs: number | null } {
  const told = { reason: null as string | null, violations: [] as Violation[], retryAfterMs: null as number | null };
  try {
    for (const any of all(fields(trailer), 3)) {
      const parts = fields(any);
      const value = fields(one(parts, 2) ?? new Uint8Array());
      switch (textOf(parts, 1).split("/google.rpc.")[1]) {
        case "BadRequest":
          told.violations = all(value, 1).map((bytes) => {
            const violation = fields(bytes);
            return { field: textOf(violation, 1), description: textOf(violation, 2), reason: textOf(violation, 3) || null };
          });
          break;
        case "RetryInfo": {
          const delay = fields(one(value, 1) ?? new Uint8Array());
          told.retryAfterMs = numberOf(delay, 1) * 1000 + numberOf(delay, 2) / 1e6;
          break;
        }
        case "ErrorInfo":
          told.reason = textOf(value, 2) === "sgl.v1" ? textOf(value, 1) || null : told.reason;
          break;
      }
    }
    return told;
  } catch (error) {
    if (error instanceof RangeError) return { reason: null, violations: [], retryAfterMs: null };
    throw error;
  }
}

const all = (message: Field[], number: number): Uint8Array[] => message.flatMap((f) => (f.number === number && f.value instanceof Uint8Array ? [f.value] : []));
const one = (message: Field[], number: number): Uint8Array | undefined => all(message, number).at(-1);
const textOf = (message: Field[], number: number): string => text(one(message, number) ?? new Uint8Array());
const numberOf = (message: Field[], number: number): number => message.reduce((last, f) => (f.number === number && typeof f.value === "number" ? f.value : last), 0);
