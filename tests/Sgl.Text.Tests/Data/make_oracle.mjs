// Makes small tokenizer.json files and what the Rust tokenizers (through Node) say about them.
//
//     npm install @anush008/tokenizers@0.6.0      (in a folder outside the repository)
//     NODE_PATH=that/node_modules node make_oracle.mjs [--vocab DIR] [--out DIR]
//
// Run make_oracle.py first: it writes strings.json. --vocab is a folder with qwen.tiktoken and llama3.tiktoken (base64 token
// and rank per line); only ids derived from them are written.
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(path.join(process.env.NODE_PATH ?? process.cwd(), 'x.js'));
const { Tokenizer } = require('@anush008/tokenizers');
const here = path.dirname(fileURLToPath(import.meta.url));
const option = (name, fallback) => {
  const i = process.argv.indexOf('--' + name);
  return i < 0 ? fallback : process.argv[i + 1];
};
const out = option('out', here);
const vocabFolder = option('vocab');

const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const modern = (digits) => String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|` + digits + String.raw`| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const QWEN2 = modern(String.raw`\p{N}`);
const LLAMA3 = modern(String.raw`\p{N}{1,3}`);

const strings = JSON.parse(fs.readFileSync(path.join(out, 'strings.json'), 'utf8'));

const byteChars = [];
for (let b = 0, next = 256; b < 256; b++) {
  const printable = (b >= 33 && b <= 126) || (b >= 0xa1 && b <= 0xac) || (b >= 0xae && b <= 0xff);
  byteChars.push(String.fromCodePoint(printable ? b : next++));
}
const spell = (bytes) => Array.from(bytes, (b) => byteChars[b]).join('');

// The plain training of byte-pair encoding: the most frequent pair (first in order on ties) becomes a token.
function train(words, base, count) {
  const vocab = [...base];
  const merges = [];
  let corpus = words.map((w) => [...w]);
  for (let n = 0; n < count; n++) {
    const frequency = new Map();
    for (const w of corpus) {
      for (let i = 1; i < w.length; i++) {
        const key = w[i - 1] + '\u0000' + w[i];
        frequency.set(key, (frequency.get(key) ?? 0) + 1);
      }
    }
    const best = [...frequency].filter(([, f]) => f > 1).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0];
    if (!best) break;
    const [l, r] = best[0].split('\u0000');
    merges.push([l, r]);
    if (!vocab.includes(l + r)) vocab.push(l + r);
    corpus = corpus.map((w) => {
      const merged = [];
      for (let i = 0; i < w.length; i++) {
        if (i + 1 < w.length && w[i] === l && w[i + 1] === r) {
          merged.push(l + r);
          i++;
        } else merged.push(w[i]);
      }
      return merged;
    });
  }
  return { vocab, merges };
}

const added = (contents, start) => contents.map(([content, flags], i) => ({
  id: start + i, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...flags,
}));
const ADDED = [
  ['<|endoftext|>', {}], ['<|im_start|>', {}], ['<|im_end|>', {}], ['<img>', {}], ['</img>', {}], ['<IMG_CONTEXT>', {}],
  ['<ref>', { special: false }], ['</ref>', { special: false }], ['<left>', { lstrip: true }], ['<right>', { rstrip: true }],
  ['<word>', { single_word: true, special: false }], ['<norm\u0151>', { normalized: true, special: false }], ['<|im_start|>user', {}],
];
const byteLevel = (regex) => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: regex });
const split = (pattern) => ({ type: 'Sequence', pretokenizers: [{ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }, byteLevel(false)] });
const base = (model, extra) => ({ version: '1.0', truncation: null, padding: null, added_tokens: added(ADDED, Object.keys(model.vocab).length), normalizer: null, pre_tokenizer: null, post_processor: null, decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true }, model, ...extra });
const bpe = ({ vocab, merges }, extra = {}) => ({ type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, vocab: Object.fromEntries(vocab.map((t, i) => [t, i])), merges, ...extra });
const asText = (merges) => merges.map((m) => m.join(' '));

const words = strings.flatMap((s) => s.match(new RegExp(GPT2, 'gu')) ?? []).map((w) => spell(Buffer.from(w)));
const small = train(words, byteChars, 220);
// A token that no merge makes: ignore_merges decides whether it is ever used.
const wholes = [...small.vocab, spell(Buffer.from(' world')), spell(Buffer.from('333')), 'zzzz'].filter((t, i, a) => a.indexOf(t) === i);

const bytePieces = Array.from({ length: 256 }, (_, b) => '<0x' + b.toString(16).toUpperCase().padStart(2, '0') + '>');
const latin = [...new Set(strings.join('').replace(/[^\u0020-\u00ff]/g, '').replaceAll(' ', '\u2581'))].filter((c) => /[\p{L}\u2581.,!?<>\/]/u.test(c)).sort();
const spWords = strings.map((s) => '\u2581' + s.replaceAll(' ', '\u2581')).map((s) => [...s].filter((c) => latin.includes(c)).join(''));
const sp = train(spWords, ['<unk>', '<s>', '</s>', ...bytePieces, ...latin], 160);
const spModel = (extra = {}) => bpe(sp, { unk_token: '<unk>', fuse_unk: true, byte_fallback: true, ...extra });
const spDecoder = { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '\u2581' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }, { type: 'Strip', content: ' ', start: 1, stop: 0 }] };
const template = (token, id) => ({ type: 'TemplateProcessing', single: [{ SpecialToken: { id: token, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }], pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }], special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } } });

const files = {
  gpt2: base(bpe({ ...small, merges: asText(small.merges) }), { pre_tokenizer: byteLevel(true) }),
  qwen2: base(bpe(small), { normalizer: { type: 'NFC' }, pre_tokenizer: split(QWEN2) }),
  llama3: base(bpe({ vocab: wholes, merges: small.merges }, { ignore_merges: true }), {
    pre_tokenizer: split(LLAMA3),
    post_processor: { type: 'Sequence', processors: [{ type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true }, template('<|endoftext|>', wholes.length)] },
  }),
  prefixed: base(bpe(small), { pre_tokenizer: { ...byteLevel(true), add_prefix_space: true } }),
  'llama-normalizer': base(spModel(), {
    normalizer: { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: '\u2581' }, { type: 'Replace', pattern: { String: ' ' }, content: '\u2581' }] },
    decoder: spDecoder, post_processor: template('<s>', 1),
  }),
  'llama-metaspace': base(spModel(), { pre_tokenizer: { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'first', split: false }, decoder: spDecoder }),
  'metaspace-split': base(spModel({ byte_fallback: false }), { pre_tokenizer: { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'always', split: true }, decoder: spDecoder }),
};

const withTokens = [
  '<|im_start|>system\nYou are.<|im_end|><|im_start|>user\n<img><IMG_CONTEXT></img>\nWhat?<|im_end|><|im_start|>assistant\n',
  'a <left> b <right>  c', '  <left>  <right>\n\nx', 'x<word>y <word> z <word>', '<word>', '_<word>', '.<word>.', '\u00e9<word>', 'a<norm\u0151>b', 'a<normo\u030b>b', ' <norm\u0151> ',
  '<ref>the dog</ref>', '<|im_start|>user<|im_start|>users', '<|im_<|im_end|>', '<|im_end|>\u0338x', 'a<|endoftext|>b<|endoftext|>', '<img> <img>  </img>', '<left><left> <right> <right>',
];
strings.push(...withTokens);

// How a rank file becomes merges: a token is made of the two parts that its bytes merge into with lower ranks only.
function fromRanks(file) {
  const ranks = new Map();
  for (const line of fs.readFileSync(path.join(vocabFolder, file), 'utf8').split(/\r?\n/)) {
    if (line) {
      const [token, rank] = line.split(' ');
      ranks.set(Buffer.from(token, 'base64').toString('latin1'), Number(rank));
    }
  }
  const merges = [];
  for (const [token, rank] of ranks) {
    if (token.length === 1) continue;
    let parts = [...token];
    while (parts.length > 2) {
      let best = -1;
      let bestRank = Infinity;
      for (let i = 1; i < parts.length; i++) {
        const r = ranks.get(parts[i - 1] + parts[i]);
        if (r !== undefined && r < bestRank) [best, bestRank] = [i, r];
      }
      if (best < 0 || bestRank >= rank) break;
      parts.splice(best - 1, 2, parts[best - 1] + parts[best]);
    }
    if (parts.length === 2) merges.push([rank, parts.map((p) => spell(Buffer.from(p, 'latin1')))]);
  }
  const vocab = [...ranks].sort((a, b) => a[1] - b[1]).map(([t]) => spell(Buffer.from(t, 'latin1')));
  return { vocab, merges: merges.sort((a, b) => a[0] - b[0]).map(([, m]) => m) };
}

const big = {};
if (vocabFolder) {
  big['qwen2-real'] = base(bpe(fromRanks('qwen.tiktoken')), { normalizer: { type: 'NFC' }, pre_tokenizer: split(QWEN2) });
  big['llama3-real'] = base(bpe(fromRanks('llama3.tiktoken'), { ignore_merges: true }), { pre_tokenizer: split(LLAMA3) });
}

let state = 12345;
const random = (n) => (state = (state * 1103515245 + 12345) % 2147483648) % n;
for (const [name, json] of Object.entries({ ...files, ...big })) {
  const text = JSON.stringify(json);
  if (name in files) fs.writeFileSync(path.join(out, name + '.tokenizer.json'), text + '\n');
  const tokenizer = Tokenizer.fromString(text);
  const ids = [];
  const decoded = [];
  for (const s of strings) {
    ids.push((await tokenizer.encode(s)).getIds());
    decoded.push(await tokenizer.decode(ids.at(-1), true));
  }
  const size = Object.keys(json.model.vocab).length;
  const sequences = [];
  const texts = [];
  for (let i = 0; i < 80; i++) {
    // Half of them from the first ids, which are bytes: broken and cut-off characters.
    sequences.push(Array.from({ length: 1 + random(10) }, () => random(i % 2 ? size : 256)));
    texts.push(await tokenizer.decode(sequences.at(-1), true));
  }
  fs.writeFileSync(path.join(out, name + '.expected.json'), JSON.stringify({ ids, decoded, sequences, texts }) + '\n');
}
fs.writeFileSync(path.join(out, 'strings-with-tokens.json'), JSON.stringify(withTokens) + '\n');
