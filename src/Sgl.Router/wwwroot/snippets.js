// A question as programs. What a file is called and what was asked stands in them as data, quoted by the rules of each language. No DOM here.

// Control characters, and marks that make text look other than it is.
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const escape = (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;

const shell = (text) => `'${text.replaceAll("'", "'\\''").replace(INVISIBLE, (c) => `'$'${escape(c)}''`)}'`;
const json = (value) => JSON.stringify(value);

// JSON's escapes are Python's and C#'s too.
const literal = (text) => json(text).replace(INVISIBLE, escape);
const python = (value) =>
  Array.isArray(value) ? `[${value.map(python).join(", ")}]`
  : value !== null && typeof value === "object" ? `{${Object.entries(value).map(([k, v]) => `${literal(k)}: ${python(v)}`).join(", ")}}`
  : typeof value === "string" ? literal(value)
  : value === true ? "True" : value === false ? "False" : value === null ? "None" : String(value);

const path = (name) => (name.startsWith("-") ? `./${name}` : name);

/**
 * @param question { origin, files: [{ name, type }], text, settings, keyed } where settings go to sgl
 * @returns {{curl: string, python: string, csharp: string}}
 */
export function snippets({ origin, files, text, settings, keyed }) {
  const url = `${origin}v1/chat/completions`;
  const body = { model: "sgl", messages: [{ role: "user", content: [{ type: "text", text }] }], sgl: settings };
  return { curl: curl(url, body, files, keyed), python: py(url, body, files, keyed), csharp: cs(url, body, files, keyed) };
}

function curl(url, body, files, keyed) {
  const content = files.map((_, i) => ({ type: "image_url", image_url: { url: `\u0000${i}\u0000` } }));
  const whole = json({ ...body, messages: [{ role: "user", content: [...body.messages[0].content, ...content] }] });
  const pieces = whole.split(/\\u0000\d+\\u0000/);
  const lines = pieces.flatMap((piece, i) => {
    const head = i < files.length ? `${piece}data:${files[i].type};base64,` : piece;
    return [`printf %s ${shell(head)}`, ...(i < files.length ? [`base64 < ${shell(path(files[i].name))} | tr -d '\\n'`] : [])];
  });
  const key = keyed ? ` -H "Authorization: Bearer $SGL_API_KEY"` : "";
  return `{ ${lines.join("\n  ")}\n} | curl -s ${shell(url)} -H 'Content-Type: application/json'${key} --data-binary @-\n`;
}

function py(url, body, files, keyed) {
  const [message] = body.messages;
  return `import base64, json${keyed ? ", os" : ""}, urllib.request

content = ${python(message.content)}
for name, kind in ${python(files.map((f) => [f.name, f.type]))}:
    with open(name, "rb") as file:
        data = base64.b64encode(file.read()).decode()
    content.append({"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data}"}})

request = urllib.request.Request(
    ${literal(url)},
    json.dumps({"model": "sgl", "messages": [{"role": "user", "content": content}], "sgl": ${python(body.sgl)}}).encode(),
    {"Content-Type": "application/json"${keyed ? `, "Authorization": "Bearer " + os.environ["SGL_API_KEY"]` : ""}})
answer = json.load(urllib.request.urlopen(request))
print(answer["choices"][0]["message"]["content"])
print(answer["sgl"]["explanation"])
`;
}

function cs(url, body, files, keyed) {
  const [message] = body.messages;
  return `using System.Text;
using System.Text.Json.Nodes;

var content = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = ${literal(message.content[0].text)} });
foreach (var (name, type) in new (string, string)[] { ${files.map((f) => `(${literal(f.name)}, ${literal(f.type)})`).join(", ")} })
{
    var url = $"data:{type};base64,{Convert.ToBase64String(await File.ReadAllBytesAsync(name))}";
    content.Add((JsonNode)new JsonObject { ["type"] = "image_url", ["image_url"] = new JsonObject { ["url"] = url } });
}

using var client = new HttpClient();
${keyed ? `client.DefaultRequestHeaders.Authorization = new("Bearer", Environment.GetEnvironmentVariable("SGL_API_KEY"));\n` : ""}var body = new JsonObject
{
    ["model"] = "sgl",
    ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = content }),
    ["sgl"] = JsonNode.Parse(${literal(json(body.sgl))}),
};
using var response = await client.PostAsync(${literal(url)}, new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json"));
response.EnsureSuccessStatusCode();
var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
Console.WriteLine(answer["choices"]![0]!["message"]!["content"]);
Console.WriteLine(answer["sgl"]!["explanation"]);
`;
}
