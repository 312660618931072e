// Types of the messages from the contract, the contract itself, and the compiled client: what the package holds.
import { execFileSync } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const run = (program, ...args) => execFileSync(join(here, "node_modules", ".bin", program), args, { cwd: here, stdio: "inherit" });

for (const folder of ["dist", "protos", "src/generated"]) rmSync(join(here, folder), { recursive: true, force: true });
cpSync(fileURLToPath(new URL("../../protos/sgl", import.meta.url)), join(here, "protos", "sgl"), { recursive: true });
run("proto-loader-gen-types", "--keepCase", "--longs=Number", "--enums=String", "--defaults", "--oneofs", "--includeComments", "--grpcLib=@grpc/grpc-js",
  "--importFileExtension=.js", "--includeDirs=protos", "--outDir=src/generated", "sgl/v1/router_service.proto", "sgl/v1/errors.proto");
run("tsc");
