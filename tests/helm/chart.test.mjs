// Every file of values/ is rendered; then
//   * each object is checked by the validators made from the OpenAPI schemas of Kubernetes and of the operators: what is required, types, enumerations, patterns;
//   * all objects are compiled as literals of the types of the same packages: a field that does not exist is an error there, which the validators let pass;
//   * what no schema says is asserted: selectors meet their pods, ports have names, pods drain, the environment is one that the services start with.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";

const root = process.env.SGL_ROOT;
const here = dirname(fileURLToPath(import.meta.url));
const chart = join(root, "deploy/helm/sgl");
const values = join(root, "tests/helm/values");
const helm = (...args) => execFileSync(process.env.HELM, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 26 });

const modules = {
  "keda.sh": "@kubernetes-models/keda",
  "monitoring.coreos.com": "@kubernetes-models/prometheus-operator",
  "networking.istio.io": "@kubernetes-models/istio",
  "security.istio.io": "@kubernetes-models/istio",
};

// "apps/v1" of Kubernetes is kubernetes-models/apps/v1; "v1" kubernetes-models/v1; an operator's group is a folder of its package.
function moduleOf({ apiVersion }) {
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  return `${modules[group] ?? "kubernetes-models"}/${apiVersion}`;
}

const rendered = new Map();
for (const file of [null, ...readdirSync(values).sort()]) {
  const text = helm("template", "sgl", chart, "--namespace", "answers", ...(file ? ["--values", join(values, file)] : []));
  const documents = parseAllDocuments(text).filter(d => d.contents !== null);
  for (const d of documents) assert.deepEqual([...d.errors, ...d.warnings], [], `${file}: ${d.toString().slice(0, 200)}`);
  rendered.set(file ?? "defaults", documents.map(d => d.toJS()));
}
const all = [...rendered].flatMap(([file, objects]) => objects.map(object => ({ file, object })));
const named = (file, kind, name) => rendered.get(file).find(o => o.kind === kind && o.metadata.name === name) ?? assert.fail(`${file} has no ${kind} ${name}`);

test("helm lint finds nothing", () => {
  for (const file of readdirSync(values)) helm("lint", "--strict", chart, "--values", join(values, file));
});

test("every object is valid by its schema", async () => {
  assert.ok(all.length > 60);
  for (const { file, object } of all) {
    const type = (await import(moduleOf(object)))[object.kind];
    assert.ok(type, `${object.apiVersion} has no ${object.kind}`);
    try {
      new type(object).validate();
    } catch (e) {
      assert.fail(`${file}: ${object.kind} ${object.metadata.name}: ${e.message}`);
    }
  }
});

test("no object has a field that its type lacks", () => {
  const folder = mkdtempSync(join(here, "types-"));
  const imports = new Map();
  const lines = all.map(({ file, object }, i) => {
    const key = `${moduleOf(object)} ${object.kind}`;
    if (!imports.has(key)) imports.set(key, `T${imports.size}`);
    return `export const o${i}: ${imports.get(key)} = ${JSON.stringify(object)}; // ${file} ${object.kind} ${object.metadata.name}`;
  });
  const header = [...imports].map(([key, alias]) => `import type { I${key.split(" ")[1]} as ${alias} } from "${key.split(" ")[0]}";`);
  writeFileSync(join(folder, "objects.ts"), [...header, ...lines, ""].join("\n"));
  const compile = () => execFileSync(join(here, "node_modules/.bin/tsc"), [
    "--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--moduleResolution", "nodenext", "--target", "es2022", join(folder, "objects.ts"),
  ], { encoding: "utf8" });
  try {
    compile();
  } catch (e) {
    assert.fail(e.stdout);
  }

  // The check can fail.
  const wrong = structuredClone(named("defaults", "Deployment", "sgl-large"));
  wrong.spec.template.spec.containers[0].readynessProbe = {};
  writeFileSync(join(folder, "objects.ts"), `${header.join("\n")}\nexport const o: ${imports.get("kubernetes-models/apps/v1 Deployment")} = ${JSON.stringify(wrong)};\n`);
  assert.throws(compile, e => /readynessProbe/.test(e.stdout));
});

test("names are unique, and everything that selects finds pods", () => {
  for (const [file, objects] of rendered) {
    const ids = objects.map(o => `${o.kind}/${o.metadata.name}`);
    assert.deepEqual(ids, [...new Set(ids)], file);
    const pods = objects.filter(o => o.kind === "Deployment").map(o => o.spec.template);
    const matches = labels => pods.filter(p => Object.entries(labels).every(([k, v]) => p.metadata.labels[k] === v));
    for (const o of objects) {
      const selector = { Service: o.spec?.selector, NetworkPolicy: o.spec?.podSelector?.matchLabels, PodDisruptionBudget: o.spec?.selector?.matchLabels,
        Deployment: o.spec?.selector?.matchLabels, PeerAuthentication: o.spec?.selector?.matchLabels, AuthorizationPolicy: o.spec?.selector?.matchLabels }[o.kind];
      if (!selector) continue;
      assert.equal(matches(selector).length, 1, `${file}: ${o.kind} ${o.metadata.name}`);
      const container = matches(selector)[0].spec.containers[0];
      for (const port of o.kind === "Service" ? o.spec.ports : []) {
        assert.equal(container.ports.find(p => p.name === port.targetPort)?.containerPort, port.port, `${file}: ${o.metadata.name} ${port.name}`);
      }
    }
  }
});

test("pods have time to drain, are what clusters with the restricted standard let in, and are told apart while they load", () => {
  for (const { file, object } of all.filter(({ object }) => object.kind === "Deployment")) {
    const pod = object.spec.template.spec;
    const [container] = pod.containers;
    const where = `${file}: ${object.metadata.name}`;
    const seconds = key => container.env.find(e => e.name === key).value.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
    const preStop = container.lifecycle?.preStop.sleep.seconds ?? 0;
    assert.ok(pod.terminationGracePeriodSeconds > seconds("SGL_Listen__ShutdownDelay") + seconds("SGL_Listen__DrainTimeout") + preStop, where);
    assert.equal(pod.automountServiceAccountToken, false, where);
    for (const c of [...pod.containers, ...(pod.initContainers ?? [])]) {
      assert.equal(c.securityContext.readOnlyRootFilesystem, true, where);
      assert.equal(c.securityContext.allowPrivilegeEscalation, false, where);
      assert.deepEqual(c.securityContext.capabilities.drop, ["ALL"], where);
    }
    if (file !== "plain.yaml") {
      assert.equal(pod.securityContext.runAsNonRoot, true, where);
      assert.equal(pod.securityContext.seccompProfile.type, "RuntimeDefault", where);
    }
    for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) assert.ok(container[probe], `${where} ${probe}`);
    const mounts = container.volumeMounts.map(m => m.name).sort();
    assert.deepEqual(mounts, pod.volumes.map(v => v.name).sort(), where);
    if (container.name !== "router" && !container.env.some(e => e.name === "SGL_Bridge__Endpoint")) {
      const model = container.volumeMounts.find(m => m.name === "model");
      assert.equal(container.env.find(e => e.name === "SGL_Engine__Checkpoint").value, model.mountPath, where);
      assert.equal(model.readOnly, true, where);
      assert.ok(container.startupProbe.failureThreshold * container.startupProbe.periodSeconds >= 1800, where);
    }
  }
});

test("values decide where a model comes from, what it runs on, and how it scales", () => {
  const deployment = (file, name) => named(file, "Deployment", name).spec;
  assert.deepEqual(deployment("defaults", "sgl-small").template.spec.volumes[0].persistentVolumeClaim, { claimName: "sgl-models", readOnly: true });
  const small = deployment("full.yaml", "answers-small").template.spec;
  assert.deepEqual(small.volumes[0].image, { reference: "registry.example/internvl2-2b:1", pullPolicy: "Always" });
  assert.equal(small.containers[0].image, "registry.example/sgl/sgl-small:1.2.3-cuda");
  assert.equal(small.containers[0].resources.limits["nvidia.com/gpu"], 1);
  assert.equal(small.containers[0].env.find(e => e.name === "SGL_Engine__Placement").value, "cuda:0");
  const large = deployment("full.yaml", "answers-large");
  assert.equal(large.replicas, undefined, "the autoscaler counts");
  assert.equal(large.template.spec.initContainers[0].env[0].value, "/models/InternVL2-26B");
  assert.deepEqual(large.template.spec.containers[0].resources.limits, { memory: "96Gi", "nvidia.com/gpu": 2 });
  assert.deepEqual(JSON.parse(named("full.yaml", "ConfigMap", "answers-router-policy").data["policy.json"]),
    { version: 1, criterion: "confidence", threshold: 0.8125, small_model: "InternVL2-2B" });
  const router = deployment("full.yaml", "answers-router").template.spec.containers[0];
  assert.deepEqual(Object.fromEntries(router.env.filter(e => /MaxBytes|Retry|Origins/.test(e.name)).map(e => [e.name, e.value])), {
    SGL_Calls__MaxBytesInFlight: "536870912", SGL_Router__Http__AllowedOrigins__0: "https://chat.example.org", SGL_Router__Retry__BudgetRatio: "0.1",
  });
  assert.deepEqual(router.env.filter(e => e.name.startsWith("SGL_Router__AllowedHosts")).map(e => [e.name.split("__")[2], e.value]), [
    "*.answers.example.org", "sgl.example.org", "answers-router", "answers-router.answers", "answers-router.answers.svc", "answers-router.answers.svc.cluster.local", "grpc.sgl.example.org",
  ].map((name, i) => [String(i), name]), "the service's own names and those of the ingresses are added");
  assert.deepEqual(named("defaults", "Deployment", "sgl-router").spec.template.spec.containers[0].env.filter(e => e.name.includes("AllowedHosts")), []);
  assert.deepEqual(router.readinessProbe.httpGet, { path: "/readyz", port: "metrics" }, "kubelets speak no TLS to gRPC");
  const queries = named("full.yaml", "ScaledObject", "answers-large").spec.triggers.map(t => t.metadata.query);
  assert.deepEqual(queries, [
    'sum(sgl_requests_waiting{service="large",namespace="answers"}) - sum(sgl_inputs_without_guidance{service="large",namespace="answers"})',
    'sum(sgl_kv_bytes_used{service="large",namespace="answers"}) / sum(sgl_kv_bytes_budget{service="large",namespace="answers"})',
  ]);
  assert.equal(named("istio.yaml", "HorizontalPodAutoscaler", "sgl-large").spec.metrics[1].pods.target.averageValue, String(0.8 * 2048 * 2 ** 20 | 0));
  const alerts = named("full.yaml", "PrometheusRule", "answers").spec.groups.flatMap(g => g.rules).filter(r => r.alert);
  assert.ok(alerts.length > 5 && alerts.every(a => a.annotations.summary.length > 20 && a.labels.severity));
  assert.ok(alerts.some(a => a.annotations.summary.includes("{{ $labels.")), "Prometheus fills these in, not helm");
});

test("a model in a foreign engine is a bridge to it, with its key and nothing of a checkpoint", () => {
  const { containers: [bridge], volumes } = named("engine.yaml", "Deployment", "sgl-large").spec.template.spec;
  assert.match(bridge.image, /^sgl-bridge:/);
  const env = Object.fromEntries(bridge.env.map(e => [e.name, e.value]));
  assert.equal(env.SGL_Bridge__Endpoint, "http://vllm.models:8000/v1");
  assert.equal(env.SGL_Bridge__Model, "Qwen/Qwen2.5-VL-72B-Instruct");
  assert.equal(env.SGL_Bridge__KeyFile, "/secrets/engine/key");
  assert.deepEqual(Object.keys(env).filter(k => k.startsWith("SGL_Engine")), []);
  assert.deepEqual(volumes.map(v => v.name), ["engine", "tmp"]);
  assert.deepEqual(volumes[0].secret, { secretName: "engine-key" });
  assert.deepEqual(named("engine.yaml", "NetworkPolicy", "sgl-large").spec.policyTypes, ["Ingress"], "the engine may be anywhere");
});

test("wrong values are refused by name", () => {
  const refused = (text, ...sets) => assert.throws(() => helm("template", "sgl", chart, ...sets.flatMap(s => ["--set", s])), e => {
    assert.match(e.stderr, text);
    return true;
  });
  refused(/replica/, "router.replica=2");
  refused(/kind/, "mesh.kind=consul");
  refused(/count/, "large.gpu.count=many");
  refused(/exactly one of claim.name, init.image and image.reference; it has claim and image/, "small.model.image.reference=a/b");
  refused(/exactly one of .*; it has none/, "small.model.claim.name=");
  refused(/anonymous and keysSecret exclude each other/, "router.access.anonymous=true");
  refused(/clientCaSecretName needs/, "router.tls.clientCaSecretName=ca");
  refused(/threshold/, "router.policy.threshold=high");
  refused(/kvRatio/, "large.autoscaling.kvRatio=1.5");
  refused(/large.engine.model is missing/, "large.engine.endpoint=http://vllm:8000/v1");
  refused(/endpoint/, "large.engine.endpoint=http://user:secret@vllm/v1");
  refused(/interval/, "monitoring.serviceMonitor.interval=often");
});

test("the services start with the environment that is rendered", async () => {
  const folder = mkdtempSync(join(here, "start-"));
  mkdirSync(join(folder, "policy"));
  writeFileSync(join(folder, "keys.json"), `{"keys": [{"name": "ops", "hash": "sha256:${"0".repeat(64)}"}]}`);
  for (const file of ["defaults", "full.yaml", "istio.yaml", "engine.yaml"]) {
    for (const object of rendered.get(file).filter(o => o.kind === "Deployment")) {
      const [container] = object.spec.template.spec.containers;
      const isBridge = container.env.some(e => e.name === "SGL_Bridge__Endpoint");
      const name = isBridge ? "EngineBridge" : { router: "Router", small: "SmallService", large: "LargeService" }[container.name];
      const env = Object.fromEntries(container.env.filter(e => e.value !== undefined).map(e => [e.name, e.value]));
      // What is mounted there lies here, certificates and GPUs are left out, and ports are the system's.
      for (const key of Object.keys(env).filter(k => /__Tls__|Placement/.test(k))) delete env[key];
      if (env.SGL_Bridge__KeyFile) writeFileSync(join(folder, "key"), "sk-test");
      const policy = rendered.get(file).find(o => o.kind === "ConfigMap" && o.data["policy.json"]);
      if (policy) writeFileSync(join(folder, "policy/policy.json"), policy.data["policy.json"]);
      for (const [key, value] of Object.entries(env)) env[key] = value.replace(/^\/policy\//, `${folder}/policy/`).replace(/^\/(keys|secrets\/engine)\//, `${folder}/`).replace(/^\/models\/.*/, join(root, "models", `sgl-demo-${container.name}`));
      env.SGL_Listen__Address = env.SGL_Listen__Address === "*" ? "127.0.0.1" : assert.fail("the pod listens to itself only");
      for (const port of ["Port", "MetricsPort", ...(container.name === "router" ? ["HttpPort"] : [])]) env[`SGL_Listen__${port}`] = "0";
      await started(join(root, `src/Sgl.${name}/bin/Debug/net10.0/Sgl.${name}.dll`), env, `${file}: ${object.metadata.name}`);
    }
  }
});

function started(assembly, env, where) {
  return new Promise((resolve, reject) => {
    const child = spawn("dotnet", [assembly], { env: { ...process.env, ...env } });
    let said = "";
    const hear = chunk => {
      said += chunk;
      if (said.includes("listens on")) child.kill("SIGKILL");
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("close", () => (said.includes("listens on") ? resolve() : reject(new Error(`${where} does not start:\n${said}`))));
  });
}
