// Server-sent events out of a response body.

/**
 * Splits text that comes in pieces into the data of its events; comments (heartbeats) give none.
 * @returns {(piece: string) => string[]} takes a piece, gives the data of the events that it completes
 */
export function eventParser() {
  let rest = "";
  let data = [];
  return (piece) => {
    rest += piece;
    const lines = rest.split(/\r\n|\n/);
    rest = lines.pop();
    const events = [];
    for (const line of lines) {
      if (line === "") {
        if (data.length > 0) events.push(data.join("\n"));
        data = [];
      } else if (line.startsWith("data:")) {
        data.push(line.slice(line[5] === " " ? 6 : 5));
      }
    }
    return events;
  };
}

/** The JSON of each event, up to [DONE]. */
export async function* readEvents(body) {
  const parse = eventParser();
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) throw new Error("The connection ended before the answer did.");
      for (const event of parse(value)) {
        if (event === "[DONE]") return;
        yield JSON.parse(event);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
