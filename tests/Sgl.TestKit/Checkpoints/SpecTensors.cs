namespace Sgl.TestKit;

/// <summary>The tensor lists of the specification, written down without looking at the code under test.</summary>
public sealed class SpecTensors : List<(string Name, long[] Shape)>
{
    public void Add(string name, params long[] shape) => Add((name, shape));

    public SpecTensors InternVit(long width, long inner, int layers, long positions, bool sixB, long hidden, long patch = 14, long merge = 2)
    {
        Add("vision_model.embeddings.class_embedding", 1, 1, width);
        Add("vision_model.embeddings.position_embedding", 1, positions, width);
        Add("vision_model.embeddings.patch_embedding.weight", width, 3, patch, patch);
        Add("vision_model.embeddings.patch_embedding.bias", width);
        for (var i = 0; i < layers; i++)
        {
            var b = $"vision_model.encoder.layers.{i}.";
            foreach (var norm in new[] { "norm1", "norm2" })
            {
                Add(b + norm + ".weight", width);
                if (!sixB)
                {
                    Add(b + norm + ".bias", width);
                }
            }

            Add(b + "attn.qkv.weight", 3 * width, width);
            if (sixB)
            {
                Add(b + "attn.q_norm.weight", width);
                Add(b + "attn.k_norm.weight", width);
            }
            else
            {
                Add(b + "attn.qkv.bias", 3 * width);
            }

            Linear(b + "attn.proj", width, width);
            Linear(b + "mlp.fc1", inner, width);
            Linear(b + "mlp.fc2", width, inner);
            Add(b + "ls1", width);
            Add(b + "ls2", width);
        }

        Add("mlp1.0.weight", width * merge * merge);
        Add("mlp1.0.bias", width * merge * merge);
        Linear("mlp1.1", hidden, width * merge * merge);
        Linear("mlp1.3", hidden, hidden);
        return this;
    }

    public SpecTensors InternLm2(int layers, long hidden, long heads, long kv, long d, long inner, long vocabulary, bool bias = false)
    {
        const string P = "language_model.";
        Add(P + "model.tok_embeddings.weight", vocabulary, hidden);
        for (var i = 0; i < layers; i++)
        {
            var l = $"{P}model.layers.{i}.";
            Add(l + "attention_norm.weight", hidden);
            Add(l + "ffn_norm.weight", hidden);
            Add(l + "attention.wqkv.weight", (heads + (2 * kv)) * d, hidden);
            Add(l + "attention.wo.weight", hidden, heads * d);
            if (bias)
            {
                Add(l + "attention.wqkv.bias", (heads + (2 * kv)) * d);
                Add(l + "attention.wo.bias", hidden);
            }

            Add(l + "feed_forward.w1.weight", inner, hidden);
            Add(l + "feed_forward.w2.weight", hidden, inner);
            Add(l + "feed_forward.w3.weight", inner, hidden);
        }

        Add(P + "model.norm.weight", hidden);
        Add(P + "output.weight", vocabulary, hidden);
        return this;
    }

    public SpecTensors Phi3(int layers, long hidden, long heads, long kv, long d, long inner, long vocabulary)
    {
        const string P = "language_model.";
        Add(P + "model.embed_tokens.weight", vocabulary, hidden);
        for (var i = 0; i < layers; i++)
        {
            var l = $"{P}model.layers.{i}.";
            Add(l + "input_layernorm.weight", hidden);
            Add(l + "post_attention_layernorm.weight", hidden);
            Add(l + "self_attn.qkv_proj.weight", (heads + (2 * kv)) * d, hidden);
            Add(l + "self_attn.o_proj.weight", hidden, heads * d);
            Add(l + "mlp.gate_up_proj.weight", 2 * inner, hidden);
            Add(l + "mlp.down_proj.weight", hidden, inner);
        }

        Add(P + "model.norm.weight", hidden);
        Add(P + "lm_head.weight", vocabulary, hidden);
        return this;
    }

    /// <summary>Llama, Qwen2 (<paramref name="bias"/>) and Qwen3 (<paramref name="norms"/> of queries and keys).</summary>
    public SpecTensors Separate(string prefix, string? head, int layers, long hidden, long heads, long kv, long d, long inner, long vocabulary, bool bias, bool norms = false)
    {
        Add(prefix + "embed_tokens.weight", vocabulary, hidden);
        for (var i = 0; i < layers; i++)
        {
            var l = $"{prefix}layers.{i}.";
            Add(l + "input_layernorm.weight", hidden);
            Add(l + "post_attention_layernorm.weight", hidden);
            foreach (var (name, rows) in new[] { ("q", heads * d), ("k", kv * d), ("v", kv * d) })
            {
                Add($"{l}self_attn.{name}_proj.weight", rows, hidden);
                if (bias)
                {
                    Add($"{l}self_attn.{name}_proj.bias", rows);
                }
            }

            if (norms)
            {
                Add(l + "self_attn.q_norm.weight", d);
                Add(l + "self_attn.k_norm.weight", d);
            }

            Add(l + "self_attn.o_proj.weight", hidden, heads * d);
            Add(l + "mlp.gate_proj.weight", inner, hidden);
            Add(l + "mlp.up_proj.weight", inner, hidden);
            Add(l + "mlp.down_proj.weight", hidden, inner);
        }

        Add(prefix + "norm.weight", hidden);
        if (head is not null)
        {
            Add(head, vocabulary, hidden);
        }

        return this;
    }

    public SpecTensors Qwen2VlVisual(string prefix, long width, int layers, long inner, long hidden)
    {
        Add(prefix + "patch_embed.proj.weight", width, 3, 2, 14, 14);
        for (var i = 0; i < layers; i++)
        {
            var b = $"{prefix}blocks.{i}.";
            Norm(b + "norm1", width);
            Norm(b + "norm2", width);
            Linear(b + "attn.qkv", 3 * width, width);
            Linear(b + "attn.proj", width, width);
            Linear(b + "mlp.fc1", inner, width);
            Linear(b + "mlp.fc2", width, inner);
        }

        Norm(prefix + "merger.ln_q", width);
        Linear(prefix + "merger.mlp.0", 4 * width, 4 * width);
        Linear(prefix + "merger.mlp.2", hidden, 4 * width);
        return this;
    }

    public SpecTensors Qwen25VlVisual(string prefix, long width, int layers, long inner, long hidden, long patch = 14)
    {
        Add(prefix + "patch_embed.proj.weight", width, 3, 2, patch, patch);
        for (var i = 0; i < layers; i++)
        {
            var b = $"{prefix}blocks.{i}.";
            Add(b + "norm1.weight", width);
            Add(b + "norm2.weight", width);
            Linear(b + "attn.qkv", 3 * width, width);
            Linear(b + "attn.proj", width, width);
            Linear(b + "mlp.gate_proj", inner, width);
            Linear(b + "mlp.up_proj", inner, width);
            Linear(b + "mlp.down_proj", width, inner);
        }

        Add(prefix + "merger.ln_q.weight", width);
        Linear(prefix + "merger.mlp.0", 4 * width, 4 * width);
        Linear(prefix + "merger.mlp.2", hidden, 4 * width);
        return this;
    }

    public SpecTensors Qwen3VlVisual(string prefix, long width, int layers, long inner, long hidden, int deepStack, long patch = 16, long positions = 2304)
    {
        Add(prefix + "patch_embed.proj.weight", width, 3, 2, patch, patch);
        Add(prefix + "patch_embed.proj.bias", width);
        Add(prefix + "pos_embed.weight", positions, width);
        for (var i = 0; i < layers; i++)
        {
            var b = $"{prefix}blocks.{i}.";
            Norm(b + "norm1", width);
            Norm(b + "norm2", width);
            Linear(b + "attn.qkv", 3 * width, width);
            Linear(b + "attn.proj", width, width);
            Linear(b + "mlp.linear_fc1", inner, width);
            Linear(b + "mlp.linear_fc2", width, inner);
        }

        Merger(prefix + "merger.", width);
        for (var j = 0; j < deepStack; j++)
        {
            Merger($"{prefix}deepstack_merger_list.{j}.", 4 * width);
        }

        return this;

        void Merger(string m, long norm)
        {
            Norm(m + "norm", norm);
            Linear(m + "linear_fc1", 4 * width, 4 * width);
            Linear(m + "linear_fc2", hidden, 4 * width);
        }
    }

    public SpecTensors SigLip(string prefix, string projector1, string projector2, string newline, long width, int layers, long inner, long patches, long hidden)
    {
        Add(prefix + "embeddings.position_embedding.weight", patches, width);
        Linear4(prefix + "embeddings.patch_embedding", width);
        for (var i = 0; i < layers; i++)
        {
            var b = $"{prefix}encoder.layers.{i}.";
            Norm(b + "layer_norm1", width);
            Norm(b + "layer_norm2", width);
            foreach (var name in new[] { "q", "k", "v", "out" })
            {
                Linear($"{b}self_attn.{name}_proj", width, width);
            }

            Linear(b + "mlp.fc1", inner, width);
            Linear(b + "mlp.fc2", width, inner);
        }

        Norm(prefix + "post_layernorm", width);
        Linear(projector1, hidden, width);
        Linear(projector2, hidden, hidden);
        Add(newline, hidden);
        return this;
    }

    public void Linear(string name, long output, long input)
    {
        Add(name + ".weight", output, input);
        Add(name + ".bias", output);
    }

    private void Linear4(string name, long width)
    {
        Add(name + ".weight", width, 3, 14, 14);
        Add(name + ".bias", width);
    }

    private void Norm(string name, long width)
    {
        Add(name + ".weight", width);
        Add(name + ".bias", width);
    }
}
