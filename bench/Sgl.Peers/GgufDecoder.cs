namespace Sgl.Peers;

/// <summary>What llama.cpp expects of a language model's file.</summary>
internal static class GgufDecoder
{
    public static IEnumerable<(string Name, long[] Dims)> Tensors(LlamaShape s)
    {
        long kv = s.KvHeads * (s.Hidden / s.Heads);
        yield return ("token_embd.weight", [s.Hidden, s.Vocabulary]);
        yield return ("output_norm.weight", [s.Hidden]);
        yield return ("output.weight", [s.Hidden, s.Vocabulary]);
        for (var i = 0; i < s.Layers; i++)
        {
            var blk = $"blk.{i}.";
            yield return (blk + "attn_norm.weight", [s.Hidden]);
            yield return (blk + "ffn_norm.weight", [s.Hidden]);
            yield return (blk + "attn_q.weight", [s.Hidden, s.Hidden]);
            yield return (blk + "attn_k.weight", [s.Hidden, kv]);
            yield return (blk + "attn_v.weight", [s.Hidden, kv]);
            yield return (blk + "attn_output.weight", [s.Hidden, s.Hidden]);
            yield return (blk + "ffn_gate.weight", [s.Hidden, s.Inner]);
            yield return (blk + "ffn_up.weight", [s.Hidden, s.Inner]);
            yield return (blk + "ffn_down.weight", [s.Inner, s.Hidden]);
            if (s.Architecture == "qwen2")
            {
                yield return (blk + "attn_q.bias", [s.Hidden]);
                yield return (blk + "attn_k.bias", [kv]);
                yield return (blk + "attn_v.bias", [kv]);
            }
        }
    }

    public static IEnumerable<(string Key, object Value)> Pairs(LlamaShape s)
    {
        var a = s.Architecture + ".";
        yield return ("general.architecture", s.Architecture);
        yield return ("general.file_type", 1u);
        yield return (a + "context_length", 32768u);
        yield return (a + "embedding_length", (uint)s.Hidden);
        yield return (a + "block_count", (uint)s.Layers);
        yield return (a + "feed_forward_length", (uint)s.Inner);
        yield return (a + "attention.head_count", (uint)s.Heads);
        yield return (a + "attention.head_count_kv", (uint)s.KvHeads);
        yield return (a + "attention.layer_norm_rms_epsilon", 1e-6f);
        yield return (a + "rope.freq_base", 1_000_000f);
        yield return (a + "rope.dimension_count", (uint)(s.Hidden / s.Heads));
        yield return (a + "vocab_size", (uint)s.Vocabulary);
        yield return ("tokenizer.ggml.model", "gpt2");
        yield return ("tokenizer.ggml.pre", "qwen2");
        yield return ("tokenizer.ggml.tokens", Enumerable.Range(0, s.Vocabulary).Select(i => $"t{i}").ToArray());
        yield return ("tokenizer.ggml.token_type", Enumerable.Repeat(1, s.Vocabulary).ToArray());
        yield return ("tokenizer.ggml.merges", new[] { "t 0" });
        yield return ("tokenizer.ggml.bos_token_id", 1u);
        yield return ("tokenizer.ggml.eos_token_id", 2u);
    }
}
